import { rootVolume } from '../driver.ts'
import type { BootEnvironment, DataUse, Generation, Index, Volume } from '../model.ts'
import type { BeName, GenerationId } from '../names.ts'
import { hoursBetween, spanBetween } from './time-span.ts'

/** Something of now that the next boot has as it was earlier: a data volume, or a path in root. What was written there since is kept. */
export interface LeftBehind {
  readonly path: string
  readonly role: 'data' | 'root'
  /** The boot environment and the volume that keep it. */
  readonly be: BeName
  readonly volume: string
  /** ISO time: what was written after it is left behind. */
  readonly since: string
  readonly hours: number
  /** The command that leads back to it; null where nothing is taken for it, because starting that boot environment again does. */
  readonly wayBack: string | null
}

/** A path in root that is not the operating system. */
export interface PathInRoot {
  readonly path: string
  readonly why: string
}

/** What is left, by whom, and when what comes in its place was taken. */
export interface Departure {
  readonly index: Index
  readonly running: BootEnvironment
  readonly generation: Generation
  /** The generation that stands for what is left; null when nothing is taken because the next boot is for once. */
  readonly left: GenerationId | null
  readonly now: string
}

const leave = ({ running, generation, left, now }: Departure, path: string, role: LeftBehind['role'], volume: Volume): LeftBehind => ({
  path,
  role,
  be: running.name,
  volume: volume.locator,
  since: generation.createdAt,
  hours: hoursBetween(generation.createdAt, now),
  wayBack: left === null ? null : `belay forward ${String(left)}`,
})

/** The data volumes in use now in whose place the next boot has another. Logs go on in any case. */
export const dataLeftBehind = (departure: Departure, next: readonly DataUse[]): LeftBehind[] =>
  departure.running.data.flatMap((use) => {
    const data = departure.index.data.find((candidate) => candidate.name === use.data)
    const goesOn = next.some((other) => other.mountpoint === use.mountpoint && other.data === use.data)
    return data?.role !== 'data' || goesOn ? [] : [leave(departure, use.mountpoint, 'data', data.volume)]
  })

/** Paths in root that go with the version although they are not the operating system. */
export const pathsLeftBehind = (departure: Departure, paths: readonly PathInRoot[]): LeftBehind[] => {
  const root = rootVolume(departure.running)
  return root === null ? [] : paths.map(({ path }) => leave(departure, path, 'root', root))
}

/** `2026-11-19T00:00:00.000Z` as people read it. */
const minuteOf = (time: string): string => `${time.slice(0, 16).replace('T', ' ')} UTC`

/** How far back something goes: `2 days and 3 hours, to 2026-11-19 00:00 UTC`. */
export const howFarBack = (since: string, now: string): string => `${spanBetween(since, now)}, to ${minuteOf(since)}`

const toGetBack = ({ be, wayBack }: LeftBehind): string => `${wayBack ?? `the next boot of ${be}`} brings it back`

/** What is left behind, for people: how far a volume goes back, where what was written since is kept, and how to get it back. */
export const describeLeftBehind = (item: LeftBehind, now: string, paths: readonly PathInRoot[]): string => {
  const goesBack = howFarBack(item.since, now)
  const why = paths.find(({ path }) => path === item.path)?.why ?? 'it is not the operating system'
  return item.role === 'data'
    ? `${item.path} goes back ${goesBack}; what was written there since is kept in ${item.volume} (${item.be}): ${toGetBack(item)}`
    : `${item.path} (${why}) lies in root and goes back with it ${goesBack}; what was written there since is kept in ${item.volume} (${item.be}): ${toGetBack(item)}`
}
