import { isAtOrBelow } from '../path-within.ts'
import { lstat, readFile, readdir, realpath, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { RefusedError } from '../errors.ts'
import { parseMountInfo } from './mount-table.ts'

/**
 * Removes a file, link or whole directory. Refused before anything is removed when a mount or a btrfs subvolume (its device number differs) is at or below the path.
 * @returns false when there was nothing
 */
export async function removeWithinFilesystem(path: string): Promise<boolean> {
  const stat = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null
    throw error
  })
  if (stat === null) return false
  if (!stat.isDirectory()) {
    await unlink(path)
    return true
  }
  const { dev } = await lstat(dirname(path), { bigint: true })
  await refuseMounts(path)
  await walk(path, dev, () => Promise.resolve())
  await walk(path, dev, (entry, isDirectory) => (isDirectory ? rmdir(entry) : unlink(entry)))
  return true
}

/** Visits children before their directory. */
async function walk(directory: string, device: bigint, visit: (path: string, isDirectory: boolean) => Promise<void>): Promise<void> {
  if ((await lstat(directory, { bigint: true })).dev !== device) throw crossing(directory)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await walk(path, device, visit)
    else await visit(path, false)
  }
  await visit(directory, true)
}

/** A bind mount from the same filesystem has the same device number; only the mount table shows it. */
async function refuseMounts(path: string): Promise<void> {
  const real = join(await realpath(dirname(path)), basename(path))
  const mount = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8')).find(({ mountpoint }) => isAtOrBelow(mountpoint, real))
  if (mount !== undefined) throw crossing(mount.mountpoint)
}

const crossing = (path: string): RefusedError =>
  new RefusedError('filesystem-boundary', `${path} is another filesystem or subvolume; it is not removed with the directory that holds it`, {
    next: [`findmnt --target ${path}`],
    data: { path },
  })
