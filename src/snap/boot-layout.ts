import { RefusedError } from '../errors.ts'
import { type Mount, mountAt, parseMountInfo } from '../sys/mount-table.ts'
import type { Files } from '../sys/ports.ts'
import { mountpointsIn } from './fstab.ts'
import { pathInside } from './path-inside.ts'
import { GRUB_PARTITION, type Target, inTarget } from './target.ts'

/**
 * Where GRUB's directory and the kernels are.
 * `grub-partition`: /boot/grub is a filesystem of its own, or a directory of one that is mounted elsewhere and bound there; kernels are in root.
 * `boot-partition`: one partition at /boot holds both, as Debian's installer makes it; GRUB's directory is a plain one in it.
 */
export interface BootLayout {
  readonly kind: 'grub-partition' | 'boot-partition'
  /** A mount point of the filesystem that holds GRUB's directory: what can be frozen. */
  readonly filesystem: string
  readonly source: string
  /** Its device as major:minor. */
  readonly device: string
}

const EXT = /^ext[234]$/
const NEED = 'make a small ext4 partition (512 MiB or more), move what is in /boot/grub there, and mount it at /boot/grub'

const refused = (message: string, mount: Mount | null, next: readonly string[] = [NEED]): RefusedError =>
  new RefusedError('layout/no-grub-partition', message, { next, data: { type: mount?.type ?? null } })

/**
 * @param fstab text of the target's fstab: what it would mount, and is not mounted
 * @throws RefusedError `layout/no-grub-partition` where GRUB could not write which version to start, `layout/not-mounted` where that is not mounted
 */
export const bootLayoutOf = (mounts: readonly Mount[], target: Target, fstab: string): BootLayout => {
  const grub = mountAt(mounts, inTarget(target, GRUB_PARTITION))
  const boot = mountAt(mounts, inTarget(target, '/boot'))
  const layout = (kind: BootLayout['kind'], { mountpoint, source, device }: Mount): BootLayout => ({ kind, filesystem: mountpoint, source, device })
  const where = inTarget(target, GRUB_PARTITION)
  if (grub !== null) {
    if (EXT.test(grub.type)) return layout('grub-partition', grub)
    throw refused(`${where} is ${grub.type}, not an ext4 filesystem, where GRUB could write which version to start`, grub)
  }
  if (boot === null && mountpointsIn(fstab).includes(GRUB_PARTITION)) {
    throw new RefusedError('layout/not-mounted', `${where} is in /etc/fstab and not mounted`, { next: [`mount ${where}`], data: { path: where } })
  }
  if (boot === null) throw refused(`${where} is not on an ext4 filesystem of its own, where GRUB could write which version to start`, null)
  if (boot.type === 'vfat') {
    throw refused('/boot is a FAT filesystem: dpkg cannot keep kernels on it, and a power cut can tear it', boot, [
      'make an ext4 partition, copy what is in /boot there, mount it at /boot in its place (an EFI system partition belongs at /boot/efi), and run grub-install',
    ])
  }
  if (boot.type === 'zfs') {
    throw refused(`/boot is a pool or dataset of its own (${boot.source}): GRUB can read it, and cannot write there which version to start`, boot, [
      'move the kernels into root: cp -a /boot /boot.root, take /boot and its pool out of use (zfs set canmount=noauto, and the units that import the pool), mv /boot.root /boot',
      'make a small ext4 (512 MiB or more; the partition of that pool will do), put what was in /boot/grub there, mount it at /boot/grub by /etc/fstab, run grub-install, reboot, and run belay init again',
    ])
  }
  if (!EXT.test(boot.type)) throw refused(`/boot is ${boot.type}, not an ext4 filesystem, where GRUB could write which version to start`, boot)
  if (boot.root !== '/') {
    throw refused(`/boot is the directory ${boot.root} of a filesystem, not the whole of it`, boot, [
      'mount the partition itself at /boot, and run grub-install',
    ])
  }
  return layout('boot-partition', boot)
}

/** The same from what is mounted now. @throws as bootLayoutOf */
export const mountedBootLayout = async (files: Files, target: Target): Promise<BootLayout> => {
  const fstab = await pathInside(files, target.root, '/etc/fstab')
  const text = (await files.stat(fstab))?.kind === 'file' ? await files.readText(fstab) : ''
  return bootLayoutOf(parseMountInfo(await files.readText('/proc/self/mountinfo')), target, text)
}
