import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import type { Appliance } from './appliance.ts'
import { renderFstab } from './fstab.ts'
import { installGrub, makeReadableByGrub } from './install-grub.ts'
import type { DiskLayout } from './partition-table.ts'
import { INSTALLER_SUBVOLUME } from './template-image.ts'

const MOUNT = '/usr/bin/mount'

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
  const { root, btrfsUuid } = appliance
  await runTool(MOUNT, ['-t', 'btrfs', '-o', `subvol=${INSTALLER_SUBVOLUME}`, appliance.btrfsDevice, root])
  await runTool('/usr/bin/btrfs', ['filesystem', 'resize', 'max', root])
  if (appliance.layout === 'boot-partition') await moveBootToPartition(appliance)
  await writeFile(join(root, 'etc/fstab'), renderFstab(`UUID=${btrfsUuid} / btrfs defaults,subvol=${INSTALLER_SUBVOLUME} 0 0`, appliance))
  await writeFile(join(root, 'etc/machine-id'), newMachineId())
  await appliance.boot(INSTALLER_SUBVOLUME)

  await installGrub(appliance, disk)
  await appliance.run('/usr/sbin/grub-mkconfig', ['-o', '/boot/grub/grub.cfg'])
  await makeReadableByGrub(join(root, appliance.layout === 'boot-partition' ? 'boot' : 'boot/grub'))
  await appliance.unmountRoot()
}

/** Content of a new machine's /etc/machine-id. */
export const newMachineId = (): string => `${randomBytes(16).toString('hex')}\n`

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
