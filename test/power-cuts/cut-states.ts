import { createHash } from 'node:crypto'
import type { LogEntry } from './write-log.ts'

/**
 * What a disk holds after a power cut: all that was written up to a flush, and of the writes between that flush and the next either none
 * (`kept: 'none'`) or some, because a disk may write in any order what it was not told to flush.
 */
export interface CutState {
  /** Counts the states of one recording: even ones kept nothing, odd ones some. */
  readonly number: number
  /** Entries of the log that are on the disk wholly: those before this index. */
  readonly durable: number
  /** Entries up to this index may be on the disk. */
  readonly mayBeKept: number
  readonly kept: 'none' | 'some'
  /** The operation had ended with success when the power failed. */
  readonly isAfterEnd: boolean
}

/** Where the operation is in the log, in bytes. */
export interface Span {
  readonly startedAt: number
  readonly endedAt: number
}

/** Indexes behind each flush before which something was written since the flush before it; and the beginning, because a log begins with a disk at rest. */
function boundariesOf(log: readonly LogEntry[]): number[] {
  const boundaries: number[] = [0]
  let hasWritten = false
  for (const [index, { kind }] of log.entries()) {
    if (kind !== 'flush') hasWritten = true
    else if (hasWritten) {
      boundaries.push(index + 1)
      hasWritten = false
    }
  }
  return boundaries
}

/** All states in which a power cut from the start of an operation until some time after its end can leave the disk, in the order of time. */
export function cutStates(log: readonly LogEntry[], { startedAt, endedAt }: Span): CutState[] {
  const boundaries = boundariesOf(log)
  const at = (boundary: number | undefined): number => (boundary === undefined ? Number.POSITIVE_INFINITY : (log[boundary - 1]?.at ?? 0))
  const first = boundaries.findLastIndex((boundary) => boundary === 0 || at(boundary) < startedAt)
  return boundaries.slice(first).flatMap((durable, index, all): CutState[] => {
    const next = all[index + 1]
    const common = { durable, mayBeKept: next ?? durable, isAfterEnd: at(next) >= endedAt }
    const none: CutState = { ...common, number: 2 * index, kept: 'none' }
    return next === undefined ? [none] : [none, { ...common, number: 2 * index + 1, kept: 'some' }]
  })
}

export type HowMany = number | 'all'

/** So many states, one from each of as many equal parts of the operation; the last that the end of the operation promised something of is always there. */
export function sampleStates(states: readonly CutState[], howMany: HowMany, seed: number): CutState[] {
  if (howMany === 'all' || howMany >= states.length) return [...states]
  const random = seededNumbers(`sample:${String(seed)}`)
  const promised = states.find(({ isAfterEnd, kept }) => isAfterEnd && kept === 'some') ?? states.find(({ isAfterEnd }) => isAfterEnd)
  const others = states.filter((state) => state !== promised)
  const parts = promised === undefined ? howMany : howMany - 1
  const chosen = Array.from({ length: parts }, (_, part) => others[Math.floor(((part + random()) * others.length) / parts)])
  return [promised, ...chosen].filter((state) => state !== undefined).sort((a, b) => a.number - b.number)
}

/** Filesystems count on nothing larger being written whole, and on nothing smaller: btrfs's superblock is one of these (kernel 6.18, BTRFS_SUPER_INFO_SIZE). */
const ATOM_BYTES = 4096

export interface KeptPart {
  readonly entry: LogEntry & { readonly kind: 'write' | 'discard' }
  /** Bytes of it that reached the disk, from its beginning. */
  readonly bytes: number
}

/** Which of the writes after the last flush reached the disk: decided by the seed and the state's number alone. */
export function keptParts(log: readonly LogEntry[], state: CutState, seed: number): KeptPart[] {
  if (state.kept === 'none') return []
  const random = seededNumbers(`kept:${String(seed)}:${String(state.number)}`)
  const share = random()
  return log.slice(state.durable, state.mayBeKept).flatMap((entry) => {
    if (entry.kind === 'flush' || random() >= share) return []
    const isTorn = entry.size > ATOM_BYTES && random() < 0.25
    return [{ entry, bytes: isTorn ? Math.ceil((random() * entry.size) / ATOM_BYTES) * ATOM_BYTES : entry.size }]
  })
}

/** Numbers from 0 to 1, the same for the same seed. */
function seededNumbers(seed: string): () => number {
  let count = 0
  return () =>
    createHash('sha256')
      .update(`${seed}:${String(count++)}`)
      .digest()
      .readUInt32LE(0) /
    2 ** 32
}
