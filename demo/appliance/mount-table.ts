import { readFile } from 'node:fs/promises'
import { type Mount, parseMountInfo } from '../../src/sys/mount-table.ts'

/** Mounts that a process sees; none when it is gone. */
export async function readMounts(pid: number | 'self' = 'self'): Promise<Mount[]> {
  return parseMountInfo(await readFile(`/proc/${String(pid)}/mountinfo`, 'utf8').catch(() => ''))
}

/** Whether a path is a directory or lies below it. */
export const isWithin = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`)
