import { type Placement, type RootPath, placeOutsideRoot } from '../snap/plan/not-operating-system.ts'
import { isAtOrBelow } from '../path-within.ts'
import type { Policy } from '../policy/policy.ts'
import { parseMountInfo } from '../sys/mount-table.ts'
import type { Files } from '../sys/ports.ts'
import { type Target, inTarget } from '../snap/target.ts'
import type { PathInRoot } from '../snap/plan/left-behind.ts'
import type { Appliance } from './appliance.ts'

const WHERE_TO_LOOK = ['/', '/var', '/var/lib']

/** A path of this machine as a path of the target, null when it is its root or lies outside. */
export const pathInTarget = ({ root }: Target, path: string): string | null => {
  const above = root === '/' ? '' : root
  return path !== '/' && path.startsWith(`${above}/`) ? path.slice(above.length) : null
}

/** The directories of a root that may hold something else than the operating system. */
export const readRootPaths = async (files: Files, root: string, alsoAt: readonly string[]): Promise<RootPath[]> => {
  const target = { root, live: false }
  const mountpoints = parseMountInfo(await files.readText('/proc/self/mountinfo')).flatMap(({ mountpoint }) => pathInTarget(target, mountpoint) ?? [])
  const innermostFirst = mountpoints.toSorted((a, b) => b.length - a.length)
  const paths = new Set(alsoAt)
  for (const directory of WHERE_TO_LOOK) {
    if ((await files.stat(inTarget(target, directory)))?.kind !== 'directory') continue
    for (const name of await files.list(inTarget(target, directory))) paths.add(directory === '/' ? `/${name}` : `${directory}/${name}`)
  }
  const found: RootPath[] = []
  for (const path of paths) {
    const stat = await files.stat(inTarget(target, path))
    const mount = innermostFirst.find((mountpoint) => isAtOrBelow(path, mountpoint)) ?? null
    if (stat !== null) found.push({ path, kind: stat.kind, mount })
  }
  return found
}

/** Paths in root that are neither the operating system nor named by policy: a rollback takes them along. */
export const findPathsLeftInRoot = async ({ files, target, policy }: Appliance): Promise<Placement[]> =>
  leftInRoot(await readRootPaths(files, target.root, []), policy)

const leftInRoot = (found: readonly RootPath[], { inRoot, config }: Policy): Placement[] => placeOutsideRoot(found, { inRoot, data: [], config })

/**
 * Everything in root that is not the operating system and goes back with a version: what policy names for it (`--in-root`), and what nobody placed.
 * A path of policy's that is not there, or that is on a filesystem of its own, does not.
 */
export const findPathsThatGoBack = async ({ files, target, policy }: Appliance): Promise<PathInRoot[]> => {
  const found = await readRootPaths(files, target.root, policy.inRoot)
  const named = found.filter(({ path, kind, mount }) => policy.inRoot.includes(path) && mount === null && (kind === 'directory' || kind === 'file'))
  return [...named.map(({ path }) => ({ path, why: 'in root by policy' })), ...leftInRoot(found, policy)]
}
