import { randomBytes, randomUUID } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, realpath, rm, rmdir, truncate, writeFile } from 'node:fs/promises'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { BugError, NotFoundError, RefusedError } from '../../src/errors.ts'
import { runTool, type ToolOptions, type ToolOutcome } from '../run-tool.ts'
import { sourcesList } from '../vendor/repository.ts'
import { installBootLoader } from './boot-loader.ts'
import { runInChroot } from './chroot.ts'
import { parseFstab, planMounts } from './fstab.ts'
import { readFromGrubPartition } from './grub-reads.ts'
import { attachLoop, type ByteRange } from './loop-device.ts'
import { isWithin } from './mount-table.ts'
import { LARGEST_GRUB_PARTITION, planLayout, ROOT_OFFSET, writePartitionTable } from './partition-table.ts'
import { releaseImages, unmountAll, type Released } from './release.ts'
import type { RootArchive } from './root-archive.ts'
import { ensureTemplateImage, INSTALLER_SUBVOLUME, SMALLEST_ROOT } from './template-image.ts'

const MOUNT = '/usr/bin/mount'
const MIB = 1024 * 1024
const IMAGE = 'disk.raw'
const ROOT = 'root'

export interface ApplianceOptions {
  /** Made here; must not exist or be empty. */
  readonly directory: string
  readonly archive: RootArchive
  /** The whole disk, sparse. Default: 6 GiB. */
  readonly sizeBytes?: number
  /** Whole MiB, at most and by default 384; small ones are for tests of a full partition. */
  readonly grubBytes?: number
  /** Where things are: `installer` is what Debian's installer makes, all in the subvolume @rootfs. */
  readonly layout?: 'installer'
}

/** A machine's disk with Debian and the application on it, as loop devices of this machine. Nothing is mounted at first. */
export interface Appliance {
  readonly directory: string
  /** Where mountRoot mounts. */
  readonly root: string
  readonly rawImage: string
  /** Place of the GRUB partition in the image, in bytes. */
  readonly grubPartition: ByteRange
  readonly grubDevice: string
  readonly grubUuid: string
  readonly btrfsPartition: ByteRange
  readonly btrfsDevice: string
  readonly btrfsUuid: string
  /** Mounts a subvolume and all that a machine booted from it would mount: the GRUB partition and the lines of its own fstab. */
  mountRoot(subvolume: string): Promise<void>
  /** Unmounts all at and below `root`. Fine when nothing is mounted. */
  unmountRoot(): Promise<void>
  /** What a reboot into a subvolume changes: unmountRoot, then mountRoot. */
  boot(subvolume: string): Promise<void>
  /** Runs a program in the mounted root: own /proc and /run, the machine's network; debconf asks nothing. @throws ToolError when its status is not expected */
  run(program: string, args: readonly string[], options?: ToolOptions): Promise<ToolOutcome>
  /** Makes a served repository the only one that apt in the mounted root knows. */
  useRepository(url: string, options?: { readonly base?: boolean }): Promise<void>
  /** Content of a file of the GRUB partition (`/belay/env`) as GRUB would read it now: from the disk, without replaying the journal. @throws NotFoundError */
  grubReads(path: string): Promise<Buffer>
  /** Gives everything back and deletes the files. Fine when called again or at the same time. */
  close(): Promise<void>
}

export async function createAppliance(options: ApplianceOptions): Promise<Appliance> {
  const { sizeBytes = 6 * 1024 * MIB, grubBytes = LARGEST_GRUB_PARTITION } = options
  const layout = planLayout(sizeBytes, grubBytes)
  if (layout.root.size < SMALLEST_ROOT || grubBytes > LARGEST_GRUB_PARTITION || grubBytes % MIB !== 0) {
    throw new RefusedError('appliance-size', `a disk of ${String(sizeBytes)} bytes with ${String(grubBytes)} for GRUB cannot hold the appliance`, {
      next: [`choose at least ${String(ROOT_OFFSET + SMALLEST_ROOT + MIB)} bytes, at most ${String(LARGEST_GRUB_PARTITION)} of them, in whole MiB, for GRUB`],
    })
  }
  const template = await ensureTemplateImage(options.archive)
  await mkdir(options.directory, { recursive: true })
  const directory = await realpath(options.directory)
  if ((await readdir(directory)).length > 0) throw new RefusedError('appliance-directory', `${directory} is not empty`)

  try {
    const rawImage = join(directory, IMAGE)
    // cp copies holes as holes, and shares extents where the filesystem can.
    await runTool('/usr/bin/cp', ['--sparse=auto', '--reflink=auto', '--', template, rawImage])
    await truncate(rawImage, sizeBytes)
    await writePartitionTable(rawImage, layout)
    await mkdir(join(directory, ROOT))
    const grubDevice = await attachLoop(rawImage, layout.grub)
    const btrfsDevice = await attachLoop(rawImage, layout.root)

    // The kernel tells filesystems apart by these: two copies of the template could not be mounted at once.
    const [grubUuid, btrfsUuid] = [randomUUID(), randomUUID()]
    await runTool('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', 'GRUB', '-U', grubUuid, grubDevice])
    await runTool('/usr/bin/btrfstune', ['-f', '-U', btrfsUuid, btrfsDevice])

    const appliance = handle({ directory, rawImage, grubPartition: layout.grub, grubDevice, grubUuid, btrfsPartition: layout.root, btrfsDevice, btrfsUuid })
    await finishInstallation(appliance, layout.biosGrub)
    return appliance
  } catch (error) {
    await recoverLeftovers(directory)
    throw error
  }
}

type Facts = Omit<Appliance, 'root' | 'mountRoot' | 'unmountRoot' | 'boot' | 'run' | 'useRepository' | 'grubReads' | 'close'>

function handle(facts: Facts): Appliance {
  const { directory, rawImage, grubDevice, grubUuid, btrfsDevice, btrfsUuid } = facts
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
      await mountAt(grubDevice, 'ext4', [], '/boot/grub')
      const { mounts, missing } = planMounts(parseFstab(await readFile(join(root, 'etc/fstab'), 'utf8')), devices)
      for (const { device, mountpoint, type, options } of mounts) {
        if (mountpoint !== '/boot/grub') await mountAt(device, type, options, mountpoint)
      }
      const [line] = missing
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
    grubReads: (path) => readFromGrubPartition(rawImage, path),
    async close() {
      closing ??= recoverLeftovers(directory)
      await closing
    },
  }
  return appliance
}

/** What the installer writes last: who this machine is, what it mounts, and GRUB with Debian's menu. */
async function finishInstallation(appliance: Appliance, biosGrub: ByteRange): Promise<void> {
  const { root, btrfsUuid, grubUuid } = appliance
  await runTool(MOUNT, ['-t', 'btrfs', '-o', `subvol=${INSTALLER_SUBVOLUME}`, appliance.btrfsDevice, root])
  await runTool('/usr/bin/btrfs', ['filesystem', 'resize', 'max', root])
  const fstab = [`UUID=${btrfsUuid} / btrfs defaults,subvol=${INSTALLER_SUBVOLUME} 0 0`, `UUID=${grubUuid} /boot/grub ext4 defaults 0 2`]
  await writeFile(join(root, 'etc/fstab'), fstab.map((line) => `${line}\n`).join(''))
  await writeFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`)
  await appliance.boot(INSTALLER_SUBVOLUME)

  // grub-install finds no partitions on a loop device: its modules go where it would put them.
  const [modules, target] = [join(root, 'usr/lib/grub/i386-pc'), join(root, 'boot/grub/i386-pc')]
  await mkdir(target)
  for (const name of await readdir(modules)) {
    if (/\.(?:mod|lst|img)$/.test(name)) await copyFile(join(modules, name), join(target, name), constants.COPYFILE_EXCL)
  }
  await installBootLoader(root, appliance.rawImage, biosGrub)
  await appliance.run('/usr/sbin/grub-mkconfig', ['-o', '/boot/grub/grub.cfg'])
  await appliance.unmountRoot()
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
