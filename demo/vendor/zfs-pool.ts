import { join } from 'node:path'
import { BugError } from '../../src/errors.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import type { Suite } from '../debian-archive.ts'
import { renderMetapackageControl } from '../zfs/modules-metapackage.ts'
import { buildZfsPackages } from '../zfs/vendor-packages.ts'
import { zfsModulesKey } from '../zfs/zfs-modules.ts'
import type { IndexedPackage } from './package-index.ts'
import { ensurePools } from './package-pool.ts'

const NAME = 'zfs'

/**
 * A pool with the modules of OpenZFS for a kernel that is offered, and the metapackage that brings them. At once when the cache has the modules.
 * @param offered with one kernel image
 * @returns the directory with its index
 */
export async function ensureZfsPool(suite: Suite, offered: readonly IndexedPackage[], cacheDirectory: string): Promise<string> {
  const kernel = offered.flatMap(({ name }) => /^linux-image-(\d.*)$/.exec(name)?.[1] ?? [])[0]
  if (kernel === undefined) throw new BugError('no kernel is offered that OpenZFS could be for')
  const key = await recipeHash([await zfsModulesKey(suite, kernel), renderMetapackageControl(kernel)])
  const directory = await ensurePools({ cacheDirectory, kind: `vendor-zfs-${suite}`, key, names: [NAME] }, (out, work) =>
    buildZfsPackages(suite, kernel, join(work, 'staging'), join(out, NAME, 'pool'), cacheDirectory),
  )
  return join(directory, NAME)
}
