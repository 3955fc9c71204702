import { BeName } from '../snap/names.ts'

/** What an entry of the fragment or of a boot set starts. Paths are relative to the GRUB partition. */
export interface EntryContent {
  readonly kernel: string
  readonly initrd: string
  readonly arguments: readonly string[]
}

export interface FragmentContent {
  /** Entries that are whole. */
  readonly entries: ReadonlyMap<string, EntryContent>
  /** What `belay_locate` answers for; empty when the file breaks off before it. */
  readonly located: ReadonlySet<string>
  readonly confirmed: BeName | null
  readonly known: readonly string[]
}

/** Reads back what menu-fragment.ts wrote, also when the file is cut short: as much as GRUB would understand of it. */
export function readFragment(text: string): FragmentContent {
  const locate = /^function belay_locate \{\n([^}]*)^\}$/m.exec(text)?.[1] ?? ''
  const confirmed = BeName.safeParse(/^set belay_confirmed=(\S*)$/m.exec(text)?.[1])
  return {
    entries: readEntries(text),
    located: new Set([...locate.matchAll(/\[ "\$1" = (be-\d+) \]/g)].map(([, be = '']) => be)),
    confirmed: confirmed.success ? confirmed.data : null,
    known: /^set belay_known='([^']*)'$/m.exec(text)?.[1]?.split(' ').filter(Boolean) ?? [],
  }
}

/** The entry in a boot set's entry.cfg, or null when the file does not reach its last line for that boot environment. */
export function readEntryFile(text: string, be: BeName): EntryContent | null {
  return new RegExp(`^set belay_defined=${be}$`, 'm').test(text) ? (readEntries(text).get(be) ?? null) : null
}

function readEntries(text: string): Map<string, EntryContent> {
  const found = new Map<string, EntryContent>()
  for (const [, indent = '', be = '', body = ''] of text.matchAll(/^(\t?)menuentry '.*' --class belay --unrestricted --id (be-\d+) \{\n([^]*?)^\1\}$/gm)) {
    const [, kernel = '', words = ''] = /\blinux "\$prefix\/([^"]+)"(.*); then$/m.exec(body) ?? []
    const initrd = /\bif initrd "\$prefix\/([^"]+)"; then$/m.exec(body)?.[1]
    const isWhole = indent === '' || /^\}$/m.test(text.slice(text.indexOf(body)))
    if (isWhole && initrd !== undefined && !found.has(be))
      found.set(be, { kernel, initrd, arguments: [...words.matchAll(/'([^']*)'/g)].map(([, word = '']) => word) })
  }
  return found
}
