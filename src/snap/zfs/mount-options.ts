import type { ZfsFilesystem } from './dataset-list.ts'
import { layoutOf, poolPart } from './layout.ts'

/**
 * With what a line of fstab mounts a dataset. mount.zfs demands `zfsutil` for one with a mount point of its own, and refuses it for a legacy one (mount_zfs.c). The initrd
 * imports the pool of the root; any other is there when zfs-import.target is reached, and `x-systemd.requires=` orders behind it too (systemd.mount(5)). `nofail` takes the
 * order before local-fs.target away, without which services start before their data is mounted. zfs-mount.service mounts what mounts itself, maybe a dataset that lies
 * around this one, and would cover it if it came second.
 * @param dataset as it is, or its name alone while its pool is not imported: what belay made is legacy
 * @param rootPool name of the pool of the root
 */
export const mountOptions = ({ name, mountpoint }: Pick<ZfsFilesystem, 'name'> & Partial<ZfsFilesystem>, rootPool: string): string => {
  const pool = poolPart(name)
  const isLegacy = mountpoint === undefined ? name.startsWith(`${layoutOf(pool, '').data}/`) : mountpoint === 'legacy'
  return [
    ...(isLegacy ? [] : ['zfsutil']),
    'nofail',
    ...(pool === rootPool ? [] : ['x-systemd.requires=zfs-import.target']),
    'x-systemd.after=zfs-mount.service',
    'x-systemd.before=local-fs.target',
  ].join(',')
}
