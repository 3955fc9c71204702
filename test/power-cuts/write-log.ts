import { type FileHandle, open } from 'node:fs/promises'

/**
 * What was written to a disk, in order, as dm-log-writes keeps it: a superblock (u64 magic, u64 version, u64 entries, u32 sector size), then one sector
 * for each entry (u64 sector, u64 sectors, u64 flags, u64 length of a mark) followed by the data, but for a discard. All little-endian.
 * Source: Linux 6.12, drivers/md/dm-log-writes.c, struct log_write_super and struct log_write_entry; QEMU 7.2 writes the same (block/blklogwrites.c).
 */
const MAGIC = 0x6a736677736872n
const VERSION = 1n
const FLAGS = { flush: 1, fua: 2, discard: 4, mark: 8 } as const
const HEADER_BYTES = 32
/** The unit of dm-log-writes' sector numbers is the log's own sector size. */
const SMALLEST_SECTOR = 512

interface DiskWrite {
  readonly kind: 'write' | 'discard'
  /** Place on the disk, in bytes. */
  readonly offset: number
  readonly size: number
  /** Place of the data in the log. */
  readonly dataAt: number
}

/** An entry of the log. A flush makes all that was written before it durable. */
export type LogEntry = { readonly at: number } & (DiskWrite | { readonly kind: 'flush' })

const number = (value: bigint, what: string): number => {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`${what} ${String(value)} is beyond any disk`)
  return Number(value)
}

/**
 * Reads the log's entries, in the order in which the disk was told them.
 * @throws Error for a log that is not one, or holds what a disk of this recorder never says
 */
export async function readWriteLog(path: string): Promise<LogEntry[]> {
  const log = await open(path)
  try {
    const superblock = await readAt(log, 0, SMALLEST_SECTOR)
    if (superblock.readBigUInt64LE(0) !== MAGIC || superblock.readBigUInt64LE(8) !== VERSION) throw new Error(`${path} is no log of writes`)
    const sector = superblock.readUInt32LE(24)
    const end = (await log.stat()).size
    const entries: LogEntry[] = []
    for (let at = sector; at < end;) {
      const header = await readAt(log, at, HEADER_BYTES)
      const [offset, size] = [header.readBigUInt64LE(0), header.readBigUInt64LE(8)].map((value) => number(value, 'sector') * sector) as [number, number]
      const flags = number(header.readBigUInt64LE(16), 'flags')
      if ((flags & ~(FLAGS.flush | FLAGS.discard)) !== 0) throw new Error(`${path} has an entry with flags ${String(flags)} at ${String(at)}`)
      const dataAt = at + sector
      // A flush that carries data comes before its data takes effect.
      if ((flags & FLAGS.flush) !== 0) entries.push({ at, kind: 'flush' })
      const isDiscard = (flags & FLAGS.discard) !== 0
      if (size > 0) entries.push({ at, kind: isDiscard ? 'discard' : 'write', offset, size, dataAt })
      at = dataAt + (isDiscard ? 0 : size)
    }
    return entries
  } finally {
    await log.close()
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  if (bytesRead !== length) throw new Error(`the log of writes ends within an entry, at ${String(position)}`)
  return buffer
}
