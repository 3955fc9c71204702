import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, rename, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import type { Appliance } from './appliance.ts'
import { installBootLoader } from './boot-loader.ts'
import { makeEfiSystemPartition } from './efi-system-partition.ts'
import type { DiskLayout } from './partition-table.ts'
import { INSTALLER_SUBVOLUME } from './template-image.ts'

const MOUNT = '/usr/bin/mount'
const FREEZE_THAW = join(import.meta.dirname, '../../libexec/freeze-thaw')

/** grub-install's names for its targets. */
const TARGETS = { bios: 'i386-pc', efi: 'x86_64-efi' } as const

/** What is known of an appliance while it is installed. */
type Installation = Pick<
  Appliance,
  | 'root'
  | 'rawImage'
  | 'layout'
  | 'firmware'
  | 'espSerial'
  | 'grubPrefix'
  | 'grubDevice'
  | 'grubUuid'
  | 'btrfsDevice'
  | 'btrfsUuid'
  | 'boot'
  | 'unmountRoot'
  | 'run'
>

/** What the installer writes last: who this machine is, what it mounts, its kernel where /boot is a partition, and GRUB with Debian's menu. */
export async function finishInstallation(appliance: Installation, disk: DiskLayout): Promise<void> {
  const { root, rawImage, firmware, espSerial, grubPrefix } = appliance
  await runTool(MOUNT, ['-t', 'btrfs', '-o', `subvol=${INSTALLER_SUBVOLUME}`, appliance.btrfsDevice, root])
  await runTool('/usr/bin/btrfs', ['filesystem', 'resize', 'max', root])
  if (appliance.layout === 'boot-partition') await moveBootToPartition(appliance)
  await writeFile(join(root, 'etc/fstab'), fstabOf(appliance))
  await writeFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`)
  await appliance.boot(INSTALLER_SUBVOLUME)

  // grub-install finds no partitions on a loop device: its modules go where it would put them.
  const [modules, target] = [join(root, 'usr/lib/grub', TARGETS[firmware]), join(root, 'boot/grub', TARGETS[firmware])]
  await mkdir(target, { recursive: true })
  for (const name of await readdir(modules)) {
    if (/\.(?:mod|lst|img)$/.test(name)) await copyFile(join(modules, name), join(target, name), constants.COPYFILE_EXCL)
  }
  if (espSerial === null) await installBootLoader(root, rawImage, disk.loader, grubPrefix)
  else await makeEfiSystemPartition({ image: rawImage, range: disk.loader, serial: espSerial, root, grubUuid: appliance.grubUuid, prefix: grubPrefix })
  await appliance.run('/usr/sbin/grub-mkconfig', ['-o', '/boot/grub/grub.cfg'])
  // Unmounting is not enough for GRUB, which reads the disk: a mount namespace of another process may keep the filesystem in use.
  await runTool('/bin/sh', [FREEZE_THAW, join(root, appliance.layout === 'boot-partition' ? 'boot' : 'boot/grub')])
  await appliance.unmountRoot()
}

function fstabOf({ btrfsUuid, grubUuid, espSerial, layout }: Installation): string {
  const lines = [
    `UUID=${btrfsUuid} / btrfs defaults,subvol=${INSTALLER_SUBVOLUME} 0 0`,
    `UUID=${grubUuid} ${layout === 'boot-partition' ? '/boot' : '/boot/grub'} ext4 defaults 0 2`,
    ...(espSerial === null ? [] : [`UUID=${espSerial.slice(0, 4)}-${espSerial.slice(4)} /boot/efi vfat umask=0077 0 1`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** The installer mounts the partition before it installs a kernel; here the kernel is in the root already. */
async function moveBootToPartition({ root, grubDevice }: Installation): Promise<void> {
  const [boot, installed] = [join(root, 'boot'), join(root, 'boot.installed')]
  await rename(boot, installed)
  await mkdir(boot, 0o755)
  await runTool(MOUNT, ['-t', 'ext4', '--', grubDevice, boot])
  for (const name of await readdir(installed)) await runTool('/usr/bin/mv', ['--', join(installed, name), boot])
  await rmdir(installed)
  await runTool('/usr/bin/umount', ['--', boot])
}
