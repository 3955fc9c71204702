import { RefusedError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'

/**
 * The path below a root directory, refused when a part of it is a symbolic link: what lies in somebody's root must not lead belay out of it.
 * Parts that do not exist are fine.
 */
export const pathInside = async (files: Files, root: string, path: string): Promise<string> => {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.includes('..') || parts.includes('.')) throw new RefusedError('path-leads-out', `${path} leads out of its root`, { data: { path } })
  let current = root === '/' ? '' : root
  for (const part of parts) {
    current = `${current}/${part}`
    const stat = await files.stat(current)
    if (stat === null) return [root === '/' ? '' : root, ...parts].join('/')
    if (stat.kind === 'symlink')
      throw new RefusedError('path-leads-out', `${current} is a symbolic link`, {
        next: [`replace ${path} by a directory, or name another path`],
        data: { path: current },
      })
  }
  return current === '' ? '/' : current
}
