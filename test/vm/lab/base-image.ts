import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectoryOf } from '../../../demo/cache/cache-directory.ts'
import { withCacheLock } from '../../../demo/cache/cache-lock.ts'
import { ensureCachedFile } from '../../../demo/cache/cached-file.ts'
import { pruneCache } from '../../../demo/cache/prune-cache.ts'
import { recipeHash } from '../../../demo/cache/recipe-hash.ts'
import { createAppliance, recoverLeftovers } from '../../../demo/appliance/disk.ts'
import type { Layout } from '../../../demo/appliance/partition-table.ts'
import type { Firmware } from '../../../demo/appliance/partition-table.ts'
import { ensureRootArchive } from '../../../demo/appliance/root-archive.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { GUEST_FILES, prepareRoot } from './prepare-root.ts'

export const QEMU_IMG = '/usr/bin/qemu-img'
const APPLIANCE_SOURCES = join(import.meta.dirname, '../../../demo/appliance')

/** Raised when something outside the hashed directories changes what an image holds. */
const REVISION = 1

export interface ImageOptions {
  /** See createAppliance. Default: grub-partition. */
  readonly layout?: Layout
  /** Default: bios. */
  readonly firmware?: Firmware
}

/** The disk of an appliance that has run once, as a qcow2 that is never written again. */
export interface BaseImage {
  readonly path: string
  readonly layout: Layout
  readonly firmware: Firmware
}

/** Starts a machine on the image itself, waits until it is up and switches it off. */
type RunOnce = (image: BaseImage) => Promise<void>

/**
 * Finds the image in the cache or makes it: appliance, additions of the lab, and one run to the login prompt, so that what Debian does at its
 * first start is done. Takes one to two minutes then, and a root archive's minute before that.
 */
export async function ensureBaseImage({ layout = 'grub-partition', firmware = 'bios' }: ImageOptions, runOnce: RunOnce): Promise<BaseImage> {
  const cacheDirectory = cacheDirectoryOf(process.env)
  const archive = await ensureRootArchive({ firmware })
  const key = await recipeHash({ revision: REVISION, archive: archive.key, layout, firmware }, [GUEST_FILES, APPLIANCE_SOURCES])
  const kind = `machine-${firmware}-${layout}`
  const path = join(cacheDirectory, `${kind}-${key}.qcow2`)
  await withCacheLock(cacheDirectory, kind, async () => {
    await ensureCachedFile(path, async (temporary) => {
      const directory = `${temporary}.work`
      try {
        await recoverLeftovers(directory)
        const appliance = await createAppliance({ directory, archive, layout })
        await appliance.mountRoot('@rootfs')
        await prepareRoot(appliance)
        await appliance.unmountRoot()
        await runTool(QEMU_IMG, ['convert', '-f', 'raw', '-O', 'qcow2', appliance.rawImage, temporary])
      } finally {
        await recoverLeftovers(directory)
        await rm(directory, { recursive: true, force: true })
      }
      await runOnce({ path: temporary, layout, firmware })
    })
    await pruneCache(cacheDirectory, kind)
  })
  return { path, layout, firmware }
}

/** A disk that begins as the image and keeps what is written to itself. */
export async function makeOverlay(image: string, path: string): Promise<void> {
  await runTool(QEMU_IMG, ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, path])
}
