import { expect } from 'vitest'
import type { Cycle, Life } from './life-cycles.ts'

/** Cycles until the default retention rule has as much to take as is added: two or three generations a cycle, of which ten stay. */
const WARM_UP = 5
/** btrfs gives out metadata in blocks and keeps what it needs for its own trees. */
const POOL_SLACK = 8 * 1024 * 1024
const GRUB_SLACK = 64 * 1024
/** Runs whose journals are kept. */
const MOST_JOURNALS = 100
/** Lines of the audit log that a cycle adds: upgrade, its confirmation, rollback, its confirmation, prune. */
const AUDIT_BYTES_A_CYCLE = 8 * 1024

const most = (cycles: readonly Cycle[], of: (cycle: Cycle) => number): number => Math.max(...cycles.map(of))

/** What the last cycles hold is what the first ones held once old generations went: nothing is left behind from cycle to cycle. Time is never asserted. */
export const expectFlat = ({ cycles, descriptorsOfApt }: Life): void => {
  expect(cycles.length).toBeGreaterThan(WARM_UP)
  const settled = cycles.slice(WARM_UP - 1)
  const half = Math.max(1, Math.floor(settled.length / 2))
  const [early, late] = [settled.slice(0, half), settled.slice(-half)]
  for (const name of Object.keys(cycles[0]?.counts ?? {}) as (keyof Cycle['counts'])[]) {
    expect(
      most(late, ({ counts }) => counts[name]),
      name,
    ).toBeLessThanOrEqual(most(early, ({ counts }) => counts[name]))
  }
  expect(
    most(late, ({ poolBytes }) => poolBytes),
    'space on the pool',
  ).toBeLessThanOrEqual(most(early, ({ poolBytes }) => poolBytes) + POOL_SLACK)
  expect(
    most(late, ({ grubBytes }) => grubBytes),
    'space on the GRUB partition',
  ).toBeLessThanOrEqual(most(early, ({ grubBytes }) => grubBytes) + GRUB_SLACK)
  expect(
    most(cycles, ({ counts }) => counts.workMounts),
    'mounts that a command left',
  ).toBe(0)
  expect(
    most(cycles, ({ journals }) => journals.closed),
    'closed journals',
  ).toBeLessThanOrEqual(MOST_JOURNALS)
  expect((cycles.at(-1)?.auditBytes ?? 0) - (cycles[0]?.auditBytes ?? 0)).toBeLessThanOrEqual(AUDIT_BYTES_A_CYCLE * cycles.length)
  for (const { descriptors } of cycles) {
    expect(inherited(descriptors), 'what a maintainer script inherits').toEqual(inherited(descriptorsOfApt))
    expect(descriptors).not.toContain('belay')
  }
}

/** Numbers of what is open; what stands behind a number (a pipe, a terminal) differs from run to run. */
const inherited = (text: string): string[] =>
  text
    .split('\n')
    .flatMap((line) => line.split(' ')[0] ?? [])
    .filter((number) => number !== '')
