import { RefusedError } from '../errors.ts'
import { type BootLayout, mountedBootLayout } from '../snap/boot-layout.ts'
import { bindBootPartition, noBootLine } from '../snap/fstab.ts'
import { pathInside } from '../snap/path-inside.ts'
import { inTarget } from '../snap/target.ts'
import { mountAt, parseMountInfo } from '../sys/mount-table.ts'
import type { Appliance } from './appliance.ts'

/** Devices by major:minor. */
const DEVICES = '/sys/dev/block'

/** What the kernel says of a mapped device: who made it is in front of the first dash. A disk with several paths (mpath-) is an ordinary disk to GRUB. */
const STACKED = /^(?:LVM|CRYPT|DMRAID)-/

/**
 * Where /boot and GRUB's directory are, for init, which must not leave kernels behind that do not go back with a version.
 * @throws RefusedError `layout/no-grub-partition`, `layout/boot`, `layout/grub-device`, `layout/boot-fstab`
 */
export const readBootLayout = async ({ files, target }: Pick<Appliance, 'files' | 'target'>): Promise<BootLayout> => {
  const mounts = parseMountInfo(await files.readText('/proc/self/mountinfo'))
  const layout = await mountedBootLayout(files, target)
  if (layout.kind === 'grub-partition' && mountAt(mounts, inTarget(target, '/boot')) !== null) {
    throw new RefusedError('layout/boot', '/boot is a filesystem of its own beside the one at /boot/grub, so kernels would not go back with the version', {
      next: ['copy what the partition at /boot holds into the /boot of root, take its line out of /etc/fstab, and reboot; then run belay init again'],
    })
  }
  const sysfs = `${DEVICES}/${layout.device}`
  const mapped = (await files.stat(`${sysfs}/dm/uuid`)) !== null && STACKED.test(await files.readText(`${sysfs}/dm/uuid`))
  if (mapped || (await files.stat(`${sysfs}/md`)) !== null) {
    throw new RefusedError(
      'layout/grub-device',
      `${layout.source}, which holds /boot/grub, is ${mapped ? 'a logical or encrypted volume' : 'a RAID'}: GRUB can read it, and cannot write there what it started`,
      {
        next: ['make a small ext4 on a plain partition (512 MiB or more), move what is in /boot/grub there, mount it at /boot/grub, and run grub-install'],
        data: { device: layout.source },
      },
    )
  }
  if (layout.kind === 'boot-partition') {
    const fstab = await pathInside(files, target.root, '/etc/fstab')
    if ((await files.stat(fstab)) === null || bindBootPartition(await files.readText(fstab)) === null) throw noBootLine()
  }
  return layout
}
