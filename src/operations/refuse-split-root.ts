import { RefusedError } from '../errors.ts'
import { isAtOrBelow } from '../path-within.ts'
import { VERSIONED_TOGETHER } from '../policy/system-paths.ts'
import type { Volume } from '../snap/model.ts'
import { mountpointsIn } from '../snap/fstab.ts'
import { inTarget } from '../snap/target.ts'
import type { Appliance } from './appliance.ts'
import { readRootPaths } from './find-paths-left-in-root.ts'

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

/**
 * @param moved paths that are to be configuration, or to be taken out of root
 * @param adopted volumes that become data where they are
 * @throws RefusedError `layout/nested` for a volume inside root that a clone, or what is taken out of it, would have as an empty directory
 */
export const refuseNested = async (
  { driver, files, target }: Pick<Appliance, 'driver' | 'files' | 'target'>,
  root: Volume,
  { moved, adopted }: { readonly moved: readonly string[]; readonly adopted: readonly Volume[] },
): Promise<void> => {
  const fstab = inTarget(target, FSTAB)
  const mounted = (await files.stat(fstab)) === null ? [] : mountpointsIn(await files.readText(fstab))
  for (const { path, volume, mountsItself } of await driver.nestedIn(root)) {
    if (mounted.includes(path) || adopted.some(({ guid }) => guid === volume.guid)) continue
    const isSwallowed = moved.some((place) => isAtOrBelow(path, place))
    const isEmpty = async (): Promise<boolean> => (await files.list(await driver.directoryOf(volume))).length === 0
    if (!isSwallowed && (mountsItself || (await isEmpty()))) continue
    const dataset = driver.kind === 'zfs' && !mountsItself ? [`zfs set canmount=on ${volume.locator}: every version then has the same`] : []
    throw new RefusedError('layout/nested', `${path} is a ${driver.kind === 'zfs' ? 'dataset' : 'subvolume'} inside root; a clone would have it empty`, {
      next: [`give it a line of its own in ${FSTAB}: every version then has the same`, ...dataset, 'or make it a plain directory: move its content'],
      data: { path },
    })
  }
}
