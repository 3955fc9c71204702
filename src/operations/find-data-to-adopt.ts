import { RefusedError } from '../errors.ts'
import type { AdoptedData } from '../snap/plan/init.ts'
import type { RootPath } from '../snap/plan/not-operating-system.ts'
import { inTarget } from '../snap/target.ts'
import { mountAt, parseMountInfo } from '../sys/mount-table.ts'
import type { Appliance } from './appliance.ts'

const STAYS = 'or leave --data out: it stays as it is, and is not part of versions'

/**
 * What was named with --data and is a mount: it becomes data where it is.
 * @throws RefusedError `layout/…` for a filesystem that belay cannot snapshot, or whose copies would not hold all that is below the path
 */
export const findDataToAdopt = async (
  { files, driver, target }: Pick<Appliance, 'files' | 'driver' | 'target'>,
  found: readonly RootPath[],
  named: readonly string[],
): Promise<AdoptedData[]> => {
  const mounts = parseMountInfo(await files.readText('/proc/self/mountinfo'))
  const adopted: (AdoptedData & { readonly inner: Awaited<ReturnType<typeof driver.checkDataAdoption>>['inner'] })[] = []
  for (const { path, mount } of found) {
    if (mount === null || !named.includes(path)) continue
    if (mount !== path) {
      throw new RefusedError('layout/data-in-mount', `${path} is a directory of ${mount}, which is a filesystem of its own`, {
        next: [`name that: --data ${mount}`, STAYS],
        data: { path, mount },
      })
    }
    const directory = inTarget(target, path)
    const volume = await driver.volumeAt(directory)
    if (volume === null) {
      const type = mountAt(mounts, directory)?.type ?? 'unknown'
      const snapshots = driver.kind === 'zfs' ? 'a dataset of a pool that is imported' : 'a directory of the btrfs that root is on'
      throw new RefusedError('layout/data-filesystem', `${path} is a filesystem of its own (${type}), which belay cannot snapshot: data must be ${snapshots}`, {
        next: [`move what it holds to ${snapshots}, and mount that at ${path} if it is not a directory of root`, STAYS],
        data: { path, type },
      })
    }
    adopted.push({ path, volume, ...(await driver.checkDataAdoption(volume)) })
  }
  for (const { path, volume, inner } of adopted) {
    const swallowed = inner.find((other) => !adopted.some((also) => also.volume.guid === other.volume.guid))
    if (swallowed === undefined) continue
    throw new RefusedError(
      'layout/nested',
      `${swallowed.volume.locator} lies in ${volume.locator} and mounts itself at ${swallowed.path}: a copy of ${path} would not hold it`,
      {
        next: [`name it too: --data ${swallowed.path}`, `or let a line of /etc/fstab mount it: zfs set mountpoint=legacy ${swallowed.volume.locator}`, STAYS],
        data: { path: swallowed.path, dataset: swallowed.volume.locator },
      },
    )
  }
  return adopted.map(({ path, volume, mountsItself }) => ({ path, volume, mountsItself }))
}
