import { RefusedError } from '../../errors.ts'
import type { EntryStat, Files } from '../../sys/ports.ts'

/**
 * What is at a path of a root; null when it is missing.
 * @throws RefusedError when a part of it is a symbolic link: that could lead out of the root, and a file that is written would take the link's place
 */
export const statInside = async (files: Files, root: string, path: string): Promise<EntryStat | null> => {
  const parts = path.split('/').slice(1)
  let stat: EntryStat | null = null
  for (const [index] of parts.entries()) {
    const place = `/${parts.slice(0, index + 1).join('/')}`
    stat = await files.stat(`${root === '/' ? '' : root}${place}`)
    if (stat === null) return null
    if (stat.kind === 'symlink')
      throw new RefusedError('path-leads-out', `${place} is a symbolic link`, { next: [`put the file or directory itself at ${place}`], data: { path: place } })
  }
  return stat
}
