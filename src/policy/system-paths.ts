import { isAtOrBelow } from '../path-within.ts'

/** Directories of the operating system: what is in them is one version together with the kernel and the packages. */
const SYSTEM = ['/bin', '/boot', '/dev', '/lib', '/lib32', '/lib64', '/libx32', '/proc', '/run', '/sbin', '/sys', '/usr']
/** What dpkg and belay itself must find in the root that runs. */
const SYSTEM_RECORDS = ['/etc/belay', '/var/lib/apt', '/var/lib/belay', '/var/lib/dpkg']
/** What must go back at once: the programs, their settings and the packages' records of both. */
export const VERSIONED_TOGETHER: readonly string[] = ['/bin', '/etc', '/lib', '/sbin', '/usr', '/var/lib/apt', '/var/lib/dpkg']
/** A directory of its own for local work, that packages never touch. */
const LOCAL = '/usr/local'

/**
 * Why a directory cannot be taken out of the root filesystem, as the end of a sentence that begins with it; null when it can.
 * @param role of what it would become: configuration may lie in /etc, data may not
 */
export const whyInRoot = (path: string, role: 'config' | 'data'): string | null => {
  if (isAtOrBelow(path, LOCAL) && path !== LOCAL) return null
  const system = [...SYSTEM, ...SYSTEM_RECORDS, ...(role === 'data' ? ['/etc'] : [])].find((directory) => isAtOrBelow(path, directory))
  if (system !== undefined) return 'is part of the operating system, which stays in the root filesystem'
  const inside = [...SYSTEM_RECORDS, '/etc/fstab', '/var/tmp', '/tmp'].find((directory) => isAtOrBelow(directory, path))
  return inside === undefined ? null : `holds ${inside}, which is part of the operating system`
}
