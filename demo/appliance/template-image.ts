import { mkdir, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ensureCachedFile } from '../cache/cached-file.ts'
import { withCacheLock } from '../cache/cache-lock.ts'
import { pruneCache } from '../cache/prune-cache.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import { runTool } from '../run-tool.ts'
import { CUSTOMER_FILES, writeCustomerFiles } from './customer-files.ts'
import { attachLoop } from './loop-device.ts'
import { ROOT_OFFSET } from './partition-table.ts'
import { releaseImages } from './release.ts'
import { cacheKindOf, type RootArchive, unpackRoot } from './root-archive.ts'

const MIB = 1024 * 1024

/** The filesystem of the template; that of an appliance is grown from it. */
export const SMALLEST_ROOT = 2048 * MIB

/** The Debian installer's name for the subvolume that holds everything. */
export const INSTALLER_SUBVOLUME = '@rootfs'

const RECIPE = { revision: 1, offset: ROOT_OFFSET, bytes: SMALLEST_ROOT, subvolume: INSTALLER_SUBVOLUME, ...CUSTOMER_FILES } as const

/**
 * A sparse image with the root filesystem at its place on the disk and no partition table: copying it is much faster than unpacking an archive.
 * Kept beside the archive, for each content of it once.
 */
export async function ensureTemplateImage(archive: RootArchive): Promise<string> {
  const cacheDirectory = dirname(archive.path)
  const key = await recipeHash({ ...RECIPE, archive: archive.key })
  const kind = cacheKindOf('template', archive)
  const path = join(cacheDirectory, `${kind}-${key}.raw`)
  await withCacheLock(cacheDirectory, kind, async () => {
    await ensureCachedFile(path, (temporary) => build(temporary, archive))
    await pruneCache(cacheDirectory, kind)
  })
  return path
}

async function build(target: string, archive: RootArchive): Promise<void> {
  const work = `${target}.work`
  // The image is made inside the working directory, so that its loop device is recognised as belonging to it.
  const image = join(work, 'image')
  const mountpoint = join(work, 'mount')
  try {
    await clear(work)
    await mkdir(mountpoint, { recursive: true })
    await writeFile(image, '')
    await truncate(image, ROOT_OFFSET + SMALLEST_ROOT)
    const device = await attachLoop(image, { offset: ROOT_OFFSET, size: SMALLEST_ROOT })
    await runTool('/usr/sbin/mkfs.btrfs', ['--quiet', device])
    await runTool('/usr/bin/mount', ['-t', 'btrfs', device, mountpoint])
    const root = join(mountpoint, INSTALLER_SUBVOLUME)
    await runTool('/usr/bin/btrfs', ['subvolume', 'create', root])
    await unpackRoot(archive, root)
    await writeCustomerFiles(root)
    await releaseImages(work)
    await runTool('/usr/bin/mv', ['--', image, target])
  } finally {
    await clear(work)
  }
}

async function clear(work: string): Promise<void> {
  await releaseImages(work)
  await rm(work, { recursive: true, force: true })
}
