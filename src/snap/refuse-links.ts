import type { Files } from '../sys/ports.ts'
import { pathInside } from './path-inside.ts'

/**
 * Make sure that no part of these paths below a directory is a symbolic link: the directory may be on a disk that somebody else wrote, and belay works as root.
 * @throws RefusedError `path-leads-out`.
 */
export const refuseLinks = async (files: Files, directory: string, paths: readonly string[]): Promise<void> => {
  await Promise.all(paths.map((path) => pathInside(files, directory, path)))
}
