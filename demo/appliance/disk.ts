import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, realpath, rm, rmdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BugError, NotFoundError, RefusedError } from '../../src/errors.ts'
import { runTool } from '../run-tool.ts'
import { sourcesList } from '../vendor/repository.ts'
import type { Appliance } from './appliance.ts'
import { runInChroot } from './chroot.ts'
import { finishInstallation } from './finish-installation.ts'
import { parseFstab, planMounts } from './fstab.ts'
import { readFromGrubPartition } from './grub-reads.ts'
import { attachLoop, untilUnused } from './loop-device.ts'
import { isWithin } from './mount-table.ts'
import { type Layout, LARGEST_GRUB_PARTITION, planLayout, ROOT_OFFSET, writePartitionTable } from './partition-table.ts'
import { releaseImages, releaseLoop, unmountAll, type Released } from './release.ts'
import type { RootArchive } from './root-archive.ts'
import { ensureTemplateImage, SMALLEST_ROOT } from './template-image.ts'

const MOUNT = '/usr/bin/mount'
const MIB = 1024 * 1024
const IMAGE = 'disk.raw'
const ROOT = 'root'
const PARTITION_SIZES = { 'grub-partition': 384 * MIB, 'boot-partition': LARGEST_GRUB_PARTITION } as const

export interface ApplianceOptions {
  /** Made here; must not exist or be empty. */
  readonly directory: string
  readonly archive: RootArchive
  /** The whole disk, sparse. Default: 6 GiB. */
  readonly sizeBytes?: number
  /** The second partition: whole MiB, at most and by default 512, or 384 where it holds GRUB alone; small ones are for tests of a full partition. */
  readonly grubBytes?: number
  readonly layout?: Layout
}

export async function createAppliance(options: ApplianceOptions): Promise<Appliance> {
  const { archive, layout = 'grub-partition', sizeBytes = 6 * 1024 * MIB, grubBytes = PARTITION_SIZES[layout] } = options
  const disk = planLayout(sizeBytes, grubBytes, archive.firmware)
  if (disk.root.size < SMALLEST_ROOT || grubBytes > LARGEST_GRUB_PARTITION || grubBytes % MIB !== 0) {
    throw new RefusedError('appliance-size', `a disk of ${String(sizeBytes)} bytes with ${String(grubBytes)} for GRUB cannot hold the appliance`, {
      next: [`choose at least ${String(ROOT_OFFSET + SMALLEST_ROOT + MIB)} bytes, at most ${String(LARGEST_GRUB_PARTITION)} of them, in whole MiB, for GRUB`],
    })
  }
  if (archive.filesystem !== 'btrfs') throw new BugError(`an appliance on loop devices has its root on btrfs, not on ${archive.filesystem}`)
  const template = await ensureTemplateImage(archive)
  await mkdir(options.directory, { recursive: true })
  const directory = await realpath(options.directory)
  if ((await readdir(directory)).length > 0) throw new RefusedError('appliance-directory', `${directory} is not empty`)

  try {
    const rawImage = join(directory, IMAGE)
    // cp copies holes as holes, and shares extents where the filesystem can.
    await runTool('/usr/bin/cp', ['--sparse=auto', '--reflink=auto', '--', template, rawImage])
    await truncate(rawImage, sizeBytes)
    await writePartitionTable(rawImage, disk)
    await mkdir(join(directory, ROOT))
    const grubDevice = await attachLoop(rawImage, disk.grub)
    const btrfsDevice = await attachLoop(rawImage, disk.root)

    // The kernel tells filesystems apart by these: two copies of the template could not be mounted at once.
    const [grubUuid, btrfsUuid] = [randomUUID(), randomUUID()]
    await runTool('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', layout === 'boot-partition' ? 'BOOT' : 'GRUB', '-U', grubUuid, grubDevice])
    await runTool('/usr/bin/btrfstune', ['-f', '-U', btrfsUuid, btrfsDevice])

    const appliance = handle({
      directory,
      rawImage,
      layout,
      firmware: archive.firmware,
      espSerial: archive.firmware === 'efi' ? randomBytes(4).toString('hex').toUpperCase() : null,
      grubPrefix: layout === 'boot-partition' ? '/grub' : '',
      grubPartition: disk.grub,
      grubDevice,
      grubUuid,
      btrfsPartition: disk.root,
      btrfsDevice,
      btrfsUuid,
    })
    await finishInstallation(appliance, disk)
    return appliance
  } catch (error) {
    await recoverLeftovers(directory)
    throw error
  }
}

/**
 * The same machine on another copy of its disk, or on its own disk again after detachAppliance. Only one copy can be attached at a time: they have the same UUIDs.
 * @param directory where its root will be mounted; @param rawImage the copy
 */
export async function attachAppliance(appliance: Appliance, directory: string, rawImage: string): Promise<Appliance> {
  await mkdir(join(directory, ROOT), { recursive: true })
  const grubDevice = await attachLoop(rawImage, appliance.grubPartition)
  const btrfsDevice = await attachLoop(rawImage, appliance.btrfsPartition)
  return handle({ ...appliance, directory, rawImage, grubDevice, btrfsDevice })
}

/** Unmounts an appliance and gives its loop devices back; its disk stays, with all that was written to it. */
export async function detachAppliance(appliance: Appliance): Promise<void> {
  await appliance.unmountRoot()
  for (const device of [appliance.btrfsDevice, appliance.grubDevice]) {
    await untilUnused(device)
    await releaseLoop(device)
  }
}

type Facts = Omit<Appliance, 'root' | 'mountRoot' | 'unmountRoot' | 'boot' | 'run' | 'useRepository' | 'grubReads' | 'close'>

function handle(facts: Facts): Appliance {
  const { directory, rawImage, grubPrefix, grubDevice, grubUuid, btrfsDevice, btrfsUuid } = facts
  const root = join(directory, ROOT)
  const devices = new Map([
    [grubUuid, grubDevice],
    [btrfsUuid, btrfsDevice],
  ])
  let mounted = false
  let closing: Promise<Released> | null = null

  const mountAt = async (device: string, type: string, options: readonly string[], mountpoint: string) => {
    const path = join(root, mountpoint)
    await mkdir(path, { recursive: true })
    await runTool(MOUNT, ['-t', type, ...(options.length === 0 ? [] : ['-o', options.join(',')]), '--', device, path])
  }
  const appliance: Appliance = {
    ...facts,
    root,
    async mountRoot(subvolume) {
      if (mounted) throw new BugError(`${root} is mounted already`)
      mounted = true
      await mountAt(btrfsDevice, 'btrfs', [`subvol=${subvolume}`], '/')
      const { mounts, missing } = planMounts(parseFstab(await readFile(join(root, 'etc/fstab'), 'utf8')), devices)
      for (const { device, mountpoint, type, options } of mounts) {
        await mountAt(options.includes('bind') ? join(root, device) : device, type, options, mountpoint)
      }
      // The kernel of the machine that builds appliances may have no FAT.
      const line = missing.find(({ type }) => type !== 'vfat')
      if (line !== undefined)
        throw new NotFoundError(`the fstab of ${subvolume} names ${line.source} for ${line.mountpoint}, which this appliance does not have`)
    },
    async unmountRoot() {
      await unmountAll(({ mountpoint }) => isWithin(mountpoint, root))
      mounted = false
    },
    async boot(subvolume) {
      await appliance.unmountRoot()
      await appliance.mountRoot(subvolume)
    },
    run: (program, args, options) => runInChroot(root, program, args, options),
    useRepository: (url, options) => writeFile(join(root, 'etc/apt/sources.list'), sourcesList(url, options)),
    grubReads: (path) => readFromGrubPartition(rawImage, `${grubPrefix}${path}`),
    async close() {
      closing ??= recoverLeftovers(directory)
      await closing
    },
  }
  return appliance
}

/** Cleans up an appliance, also one whose process was killed: processes in its root, mounts, loop devices, files. Leaves other files of the directory alone. */
export async function recoverLeftovers(directory: string): Promise<Released> {
  const released = await releaseImages(directory)
  await rm(join(directory, IMAGE), { force: true })
  for (const path of [join(directory, ROOT), directory]) {
    await rmdir(path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTEMPTY'))) throw error
    })
  }
  return released
}
