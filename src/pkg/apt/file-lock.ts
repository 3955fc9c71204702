import { NotFoundError } from '../../errors.ts'
import type { Files } from '../../sys/ports.ts'

export interface LockHolder {
  readonly pid: number
  readonly command: string
}

/** `1: POSIX  ADVISORY  WRITE 4711 fe:00:1640542 0 EOF`; one that waits has `->` before POSIX. */
const LINE = /^\d+: POSIX\s+\S+\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/

/** Processes that hold a write lock made with fcntl(2), by inode (proc_locks(5)). */
export const parseProcLocks = (text: string): { readonly pid: number; readonly inode: number }[] =>
  text.split('\n').flatMap((line) => {
    const [, pid, inode] = LINE.exec(line) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), inode: Number(inode) }]
  })

const orNull = async <T>(reading: Promise<T>): Promise<T | null> => {
  try {
    return await reading
  } catch (error) {
    if (error instanceof NotFoundError) return null
    throw error
  }
}

/**
 * The process that holds a lock on one of these files below a root directory. The kernel names the device of the whole filesystem, stat(2) on btrfs one of the
 * subvolume, and clones share inode numbers: so what the process has at that place, seen from its own root or from ours, tells whose lock it is.
 */
export const findLockHolder = async (files: Files, root: string, paths: readonly string[]): Promise<LockHolder | null> => {
  const locks = parseProcLocks((await orNull(files.readText('/proc/locks'))) ?? '')
  if (locks.length === 0) return null
  for (const path of paths) {
    const ours = await files.stat(`${root === '/' ? '' : root}${path}`)
    if (ours === null) continue
    for (const { pid } of locks.filter((lock) => lock.inode === ours.inode)) {
      const seen = await Promise.all([`/proc/${String(pid)}/root${path}`, ...(await openFiles(files, pid, path))].map((place) => statOrNull(files, place)))
      if (!seen.some((other) => other?.inode === ours.inode && other.device === ours.device)) continue
      return { pid, command: ((await orNull(files.readText(`/proc/${String(pid)}/comm`))) ?? '').trim() }
    }
  }
  return null
}

/** Files that a process has open and whose path ends as the one looked for; nothing for a process that has ended. */
const openFiles = async (files: Files, pid: number, path: string): Promise<string[]> => {
  const open = (await orNull(files.list(`/proc/${String(pid)}/fd`))) ?? []
  const targets = await Promise.all(open.map((fd) => orNull(files.readLink(`/proc/${String(pid)}/fd/${fd}`))))
  return targets.filter((target) => target?.endsWith(path) === true).map(String)
}

/** A process that ends while it is looked at has nothing open. */
const statOrNull = (files: Files, path: string) => files.stat(path).catch(() => null)
