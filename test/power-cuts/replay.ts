import { type FileHandle, open } from 'node:fs/promises'
import { runTool } from '../../demo/run-tool.ts'
import type { KeptPart } from './cut-states.ts'
import type { LogEntry } from './write-log.ts'

/** Longer runs of zeros become holes. */
const LONGEST_ZEROS = 1024 * 1024

/** Writes parts of the log to a disk, in the order of the log. */
export async function applyParts(log: string, parts: readonly KeptPart[], disk: string): Promise<void> {
  const [source, target] = [await open(log), await open(disk, 'r+')]
  try {
    for (const { entry, bytes } of parts) {
      if (entry.kind === 'write') await copy(source, entry.dataAt, target, entry.offset, bytes)
      else if (bytes <= LONGEST_ZEROS) await target.write(Buffer.alloc(bytes), 0, bytes, entry.offset)
      else await runTool('/usr/bin/fallocate', ['--punch-hole', '--offset', String(entry.offset), '--length', String(bytes), '--', disk])
    }
  } finally {
    await source.close()
    await target.close()
  }
}

async function copy(source: FileHandle, from: number, target: FileHandle, to: number, bytes: number): Promise<void> {
  const buffer = Buffer.alloc(bytes)
  const { bytesRead } = await source.read(buffer, 0, bytes, from)
  if (bytesRead !== bytes) throw new Error(`the log of writes ends within its data, at ${String(from)}`)
  await target.write(buffer, 0, bytes, to)
}

/** A disk that is brought from its state before the operation to any later one, only forward. */
export class ReplayedDisk {
  readonly image: string
  readonly #log: string
  readonly #entries: readonly LogEntry[]
  #position = 0

  /** @param image a copy of the disk as it was when the log began; it is changed */
  constructor(image: string, log: string, entries: readonly LogEntry[], position = 0) {
    this.image = image
    this.#log = log
    this.#entries = entries
    this.#position = position
  }

  get position(): number {
    return this.#position
  }

  /** Writes all entries before this index. */
  async advance(to: number): Promise<void> {
    if (to < this.#position) throw new Error('a replayed disk goes forward only')
    const parts = this.#entries.slice(this.#position, to).flatMap((entry) => (entry.kind === 'flush' ? [] : [{ entry, bytes: entry.size }]))
    await applyParts(this.#log, parts, this.image)
    this.#position = to
  }

  /** Whether another disk, which began the same, holds the same now wherever something was written. */
  async isSameAs(image: string): Promise<boolean> {
    const [here, there] = [await open(this.image), await open(image)]
    try {
      for (const entry of this.#entries) if (entry.kind !== 'flush' && !(await isSameRange(here, there, entry.offset, entry.size))) return false
      return true
    } finally {
      await here.close()
      await there.close()
    }
  }
}

async function isSameRange(here: FileHandle, there: FileHandle, offset: number, size: number): Promise<boolean> {
  for (let done = 0; done < size; done += LONGEST_ZEROS) {
    const length = Math.min(LONGEST_ZEROS, size - done)
    const [one, other] = await Promise.all([here, there].map((file) => file.read(Buffer.alloc(length), 0, length, offset + done)))
    if (one === undefined || other === undefined || !one.buffer.equals(other.buffer)) return false
  }
  return true
}
