import { setTimeout as sleep } from 'node:timers/promises'
import { type GrubMenu, readGrubMenu } from './grub-menu.ts'
import type { SerialLine } from './serial-line.ts'

const DOWN = '\u001b[B'
const UP = '\u001b[A'
const ENTER = '\r'

/** GRUB draws at once; this is for a busy machine. */
const REDRAW_MS = 10_000
/** Longer than GRUB pauses between two parts of what it draws, and short beside the menu's time-out. */
const DRAWING_MS = 300
/** At its ends the menu does nothing at all, which takes waiting to see. */
const END_MS = 4000

/** How one level of the menu is chosen: part of the title, or a pattern for it. */
export type EntryTitle = string | RegExp

const isTitle = (wanted: EntryTitle, shown: string): boolean => (typeof wanted === 'string' ? shown.includes(wanted) : wanted.test(shown))
const isSame = (one: GrubMenu | null, other: GrubMenu | null): boolean => JSON.stringify(one) === JSON.stringify(other)

const look = (line: SerialLine): GrubMenu | null => readGrubMenu(line.screen.rows())

/** Waits for GRUB's menu. @returns what it shows; GRUB may still be drawing entries */
const waitForMenu = (line: SerialLine, timeoutMs: number): Promise<GrubMenu> => line.waitUntil(() => look(line), { what: "GRUB's menu", timeoutMs })

/**
 * Starts an entry as a person does: arrow keys until it is highlighted, then Enter; again in each submenu.
 * @param path titles from the first level to the entry
 * @param timeoutMs for the firmware, until the menu is there
 * @throws an error that says which entries were seen
 */
export async function pickEntry(line: SerialLine, path: readonly EntryTitle[], timeoutMs: number): Promise<void> {
  await waitForMenu(line, timeoutMs)
  for (const wanted of path) {
    const menu = await highlight(line, wanted)
    line.send(ENTER)
    await line.waitUntil(() => (isSame(look(line), menu) ? null : true), { what: `GRUB's answer to Enter on ${String(wanted)}`, timeoutMs: REDRAW_MS })
    if (wanted !== path.at(-1)) await waitForMenu(line, REDRAW_MS)
  }
}

/** What the menu shows once GRUB has drawn it: a key that is sent while it still draws would be counted twice. */
async function settledMenu(line: SerialLine): Promise<GrubMenu> {
  for (let menu = await waitForMenu(line, REDRAW_MS); ;) {
    await sleep(DRAWING_MS)
    const now = await waitForMenu(line, REDRAW_MS)
    if (isSame(now, menu)) return menu
    menu = now
  }
}

async function highlight(line: SerialLine, wanted: EntryTitle): Promise<GrubMenu> {
  const seen = new Set<string>()
  for (const direction of [DOWN, UP]) {
    for (;;) {
      const before = await settledMenu(line)
      for (const entry of before.entries) seen.add(entry)
      if (isTitle(wanted, before.entries[before.highlighted] ?? '')) return before
      line.send(keyTowards(before, wanted) ?? direction)
      if (!(await isRedrawn(line, before))) break
    }
  }
  throw new Error(`GRUB's menu has no entry ${String(wanted)}. Seen:\n${[...seen].map((entry) => `  | ${entry}`).join('\n')}`)
}

/** The arrow towards an entry that is on the screen; undefined when it is not. */
function keyTowards(menu: GrubMenu, wanted: EntryTitle): string | undefined {
  const place = menu.entries.findIndex((entry) => isTitle(wanted, entry))
  if (place === -1) return undefined
  return place > menu.highlighted ? DOWN : UP
}

/** Whether another entry was highlighted in time. */
async function isRedrawn(line: SerialLine, before: GrubMenu): Promise<boolean> {
  const isMoved = (now: GrubMenu): boolean => now.highlighted !== before.highlighted || now.entries[now.highlighted] !== before.entries[before.highlighted]
  return line
    .waitUntil(
      () => {
        const now = look(line)
        return now !== null && isMoved(now) ? true : null
      },
      { what: 'another highlighted entry', timeoutMs: END_MS },
    )
    .catch(() => false)
}
