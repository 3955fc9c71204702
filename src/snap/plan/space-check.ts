import { NoSpaceError } from '../../errors.ts'
import type { Check } from './plan.ts'

/** What an operation needs in one place beside the pool. */
export interface Room {
  /** Path or word for scripts. */
  readonly where: string
  readonly called: string
  /** Bytes. */
  readonly need: number
  readonly free: number
  /** How to make room there. */
  readonly next: readonly string[]
}

const MIB = 1024 * 1024
const up = (bytes: number): string => `${String(Math.ceil(bytes / MIB))} MiB`
const down = (bytes: number): string => `${String(Math.floor(bytes / MIB))} MiB`

/** Prove the room in each place, before the first change. @param who begins the sentence of a refusal @throws NoSpaceError for the first that has too little */
export const proveRooms = (who: string, rooms: readonly Room[]): Check => {
  for (const { where, called, need, free, next } of rooms) {
    if (free >= need) continue
    throw new NoSpaceError(`${who} needs ${up(need)} on ${called}; ${down(free)} is free`, { next, data: { where, need, free } })
  }
  return { name: 'other space', detail: rooms.map(({ called, need }) => `${up(need)} on ${called}`).join(', ') || 'needed nowhere else' }
}

/** A kernel with its initrd, as the next one may be: initrds grow with every module and firmware. */
export const bootSetToCome = (bootSet: number): number => Math.ceil(bootSet * 1.25)
