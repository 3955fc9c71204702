import { RefusedError } from '../errors.ts'
import { isAtOrBelow } from '../path-within.ts'
import { VERSIONED_TOGETHER } from '../policy/system-paths.ts'
import type { AdoptedData } from '../snap/plan/init.ts'
import type { RootPath } from '../snap/plan/not-operating-system.ts'
import { mountpointsIn } from '../snap/fstab.ts'
import type { Volume } from '../snap/model.ts'
import { parseMountInfo } from '../sys/mount-table.ts'
import { inTarget } from '../snap/target.ts'
import type { Appliance } from './appliance.ts'
import { pathInTarget, readRootPaths } from './find-paths-left-in-root.ts'

const FSTAB = '/etc/fstab'

/**
 * A version is one clone of the root filesystem: the programs and the packages' records must lie in it together.
 * @throws RefusedError `layout/split-system` when a part of the operating system is on a filesystem of its own
 */
export const refuseSplitSystem = async ({ files, target }: Pick<Appliance, 'files' | 'target'>): Promise<void> => {
  const found = await readRootPaths(files, target.root, VERSIONED_TOGETHER)
  const apart = found.find(({ path, mount }) => mount !== null && VERSIONED_TOGETHER.includes(path))
  if (apart?.mount === undefined || apart.mount === null) return
  throw new RefusedError(
    'layout/split-system',
    `${apart.mount} is a filesystem of its own and holds ${apart.path}: it would not go back with the rest of the system`,
    {
      next: [`from a rescue system, move what ${apart.mount} holds into the root filesystem and take its line out of ${FSTAB}, then run belay init again`],
      data: { path: apart.path, mount: apart.mount },
    },
  )
}

/** @throws RefusedError `layout/config-mount` for configuration that is a filesystem of its own, which would cover what belay makes there */
export const refuseMountedConfig = (found: readonly RootPath[], config: readonly string[]): void => {
  for (const { path, mount } of found) {
    if (mount === null || !config.includes(path)) continue
    const what = mount === path ? 'is a filesystem of its own' : `is a directory of ${mount}, which is a filesystem of its own`
    throw new RefusedError(
      'layout/config-mount',
      `${path} ${what}: configuration must be a directory of root, out of which belay makes one that follows the version`,
      {
        next: [
          `move what ${mount} holds into a directory of root, and take its line out of ${FSTAB}`,
          'or leave --config out: it stays as it is, and is no part of versions',
        ],
        data: { path, mount },
      },
    )
  }
}

/**
 * @param moved paths that are to be configuration, or to be taken out of root
 * @param adopted what becomes data where it is
 * @throws RefusedError `layout/nested` for a volume inside root that a clone, or what is taken out of it, would have as an empty directory, and for a dataset that
 *   what is taken out of root would cover
 */
export const refuseNested = async (
  { driver, files, target }: Pick<Appliance, 'driver' | 'files' | 'target'>,
  root: Volume,
  { moved, adopted }: { readonly moved: readonly string[]; readonly adopted: readonly Pick<AdoptedData, 'path' | 'volume'>[] },
): Promise<void> => {
  const fstab = inTarget(target, FSTAB)
  const mounted = (await files.stat(fstab)) === null ? [] : mountpointsIn(await files.readText(fstab))
  for (const { path, volume, mountsItself } of await driver.nestedIn(root)) {
    if (mounted.includes(path) || adopted.some((also) => also.volume.guid === volume.guid)) continue
    const isSwallowed = moved.some((place) => isAtOrBelow(path, place))
    const isEmpty = async (): Promise<boolean> => (await files.list(await driver.directoryOf(volume))).length === 0
    if (!isSwallowed && (mountsItself || (await isEmpty()))) continue
    const dataset = driver.kind === 'zfs' && !mountsItself ? [`zfs set canmount=on ${volume.locator}: every version then has the same`] : []
    throw new RefusedError('layout/nested', `${path} is a ${driver.kind === 'zfs' ? 'dataset' : 'subvolume'} inside root; a clone would have it empty`, {
      next: [`give it a line of its own in ${FSTAB}: every version then has the same`, ...dataset, 'or make it a plain directory: move its content'],
      data: { path },
    })
  }
  // zfs-mount.service mounts what mounts itself before what belay makes is mounted around it.
  for (const { source, type, mountpoint } of parseMountInfo(await files.readText('/proc/self/mountinfo'))) {
    const path = pathInTarget(target, mountpoint)
    if (type !== 'zfs' || path === null || mounted.includes(path) || adopted.some((also) => also.path === path)) continue
    const around = moved.find((place) => place !== path && isAtOrBelow(path, place))
    if (around === undefined) continue
    throw new RefusedError(
      'layout/nested',
      `${source} mounts itself at ${path}, and ${around} around it becomes a filesystem of its own, which would cover it`,
      {
        next: [
          `name it too: --data ${path}`,
          `or let a line of ${FSTAB} mount it: zfs set mountpoint=legacy ${source}`,
          `or leave ${around} in root: --in-root ${around}`,
        ],
        data: { path, dataset: source },
      },
    )
  }
}
