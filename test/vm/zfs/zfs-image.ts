import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createAppliance, recoverLeftovers } from '../../../demo/appliance/disk.ts'
import { ensureRootArchive } from '../../../demo/appliance/root-archive.ts'
import { INSTALLER_SUBVOLUME } from '../../../demo/appliance/template-image.ts'
import { cacheDirectoryOf } from '../../../demo/cache/cache-directory.ts'
import { withCacheLock } from '../../../demo/cache/cache-lock.ts'
import { ensureCachedFile } from '../../../demo/cache/cached-file.ts'
import { pruneCache } from '../../../demo/cache/prune-cache.ts'
import { recipeHash } from '../../../demo/cache/recipe-hash.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { QEMU_IMG } from '../lab/base-image.ts'
import { GUEST_FILES, prepareRoot } from '../lab/prepare-root.ts'
import { CHECKOUT, GUEST_CHECKOUT } from './checkout.ts'
import { installZfs } from './install-zfs.ts'

const APPLIANCE_SOURCES = join(CHECKOUT, 'demo/appliance')
const ZFS_SOURCES = join(CHECKOUT, 'demo/zfs')

/** Raised when something outside the hashed files changes what an image holds. */
const REVISION = 1
const KIND = 'machine-zfs'

/** Starts a machine on a disk, waits until it is up and switches it off. */
type RunOnce = (disk: string) => Promise<void>

/**
 * The disk of an appliance that has OpenZFS for its kernel, and what npm installed in the checkout, and has run once; a qcow2 that is never written again.
 * Its own root is on btrfs. Found in the cache or made, in two to four minutes when OpenZFS's modules and the root archive are there.
 */
export async function ensureZfsImage(runOnce: RunOnce): Promise<string> {
  const cacheDirectory = cacheDirectoryOf(process.env)
  const archive = await ensureRootArchive()
  const lock = await readFile(join(CHECKOUT, 'package-lock.json'), 'utf8')
  const key = await recipeHash({ revision: REVISION, archive: archive.key, lock }, [GUEST_FILES, APPLIANCE_SOURCES, ZFS_SOURCES])
  const path = join(cacheDirectory, `${KIND}-${key}.qcow2`)
  await withCacheLock(cacheDirectory, KIND, async () => {
    await ensureCachedFile(path, async (temporary) => {
      const directory = `${temporary}.work`
      try {
        await recoverLeftovers(directory)
        const appliance = await createAppliance({ directory, archive })
        await appliance.mountRoot(INSTALLER_SUBVOLUME)
        await prepareRoot(appliance)
        await installZfs(appliance, join(directory, 'packages'))
        await mkdir(join(appliance.root, GUEST_CHECKOUT))
        await cp(join(CHECKOUT, 'node_modules'), join(appliance.root, GUEST_CHECKOUT, 'node_modules'), { recursive: true, verbatimSymlinks: true })
        await appliance.unmountRoot()
        await runTool(QEMU_IMG, ['convert', '-f', 'raw', '-O', 'qcow2', appliance.rawImage, temporary])
      } finally {
        await recoverLeftovers(directory)
        await rm(directory, { recursive: true, force: true })
      }
      await runOnce(temporary)
    })
    await pruneCache(cacheDirectory, KIND)
  })
  return path
}
