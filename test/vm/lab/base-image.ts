import { join } from 'node:path'
import type { Filesystem, Firmware, Layout } from '../../../demo/appliance/partition-table.ts'
import { cacheKindOf, ensureRootArchive } from '../../../demo/appliance/root-archive.ts'
import { recipeHash } from '../../../demo/cache/recipe-hash.ts'
import { SUITE, type Suite } from '../../../demo/debian-archive.ts'
import { installOnBtrfs } from './btrfs-disk.ts'
import { ensureMachineImage } from './machine-image.ts'
import { GUEST_FILES } from './prepare-root.ts'
import { installOnZfs, ZFS_DISK_SOURCES } from './zfs-disk/install.ts'

const APPLIANCE_SOURCES = join(import.meta.dirname, '../../../demo/appliance')

/** Raised when something outside the hashed directories changes what an image holds. */
const REVISION = 1

export interface ImageOptions {
  /** Default: trixie. */
  readonly suite?: Suite
  /** What the root is on. Default: btrfs. */
  readonly filesystem?: Filesystem
  /** See createAppliance. Default, and the only one with ZFS: grub-partition. */
  readonly layout?: Layout
  /** Default: bios. */
  readonly firmware?: Firmware
}

/** The disk of an appliance that has run once, as a qcow2 that is never written again. */
export interface BaseImage extends Required<ImageOptions> {
  readonly path: string
}

/** Starts a machine on the image itself, waits until it is up and switches it off. */
type RunOnce = (image: BaseImage) => Promise<void>

/**
 * Finds the image in the cache or makes it: appliance, additions of the lab, and one run to the login prompt. Takes one to two minutes then, with ZFS five,
 * and a root archive's minute before that.
 */
export async function ensureBaseImage(options: ImageOptions, runOnce: RunOnce): Promise<BaseImage> {
  const { suite = SUITE, filesystem = 'btrfs', layout = 'grub-partition', firmware = 'bios' } = options
  if (filesystem === 'zfs' && layout !== 'grub-partition')
    throw new Error(`the lab has no machine with its root on ZFS and a second partition of the kind ${layout}`)
  const archive = await ensureRootArchive({ suite, filesystem, firmware })
  const sources = [GUEST_FILES, APPLIANCE_SOURCES, ...(filesystem === 'zfs' ? [ZFS_DISK_SOURCES] : [])]
  const variant = { suite, filesystem, layout, firmware }
  const path = await ensureMachineImage({
    kind: `${cacheKindOf('machine', { ...archive, firmware: 'bios' })}-${firmware}-${layout}`,
    key: await recipeHash({ revision: REVISION, archive: archive.key, layout, firmware }, sources),
    install: (directory) => (filesystem === 'zfs' ? installOnZfs({ directory, archive }) : installOnBtrfs({ directory, archive, layout })),
    runOnce: (path) => runOnce({ ...variant, path }),
  })
  return { ...variant, path }
}
