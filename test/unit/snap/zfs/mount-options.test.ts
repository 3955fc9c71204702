import { expect, it } from 'vitest'
import { mountOptions } from '../../../../src/snap/zfs/mount-options.ts'

const ORDER = 'x-systemd.after=zfs-mount.service,x-systemd.before=local-fs.target'
const OTHER = `nofail,x-systemd.requires=zfs-import.target,${ORDER}`

it.each([
  ['what belay made beside the root', { name: 'rpool/belay/data/data-000001', mountpoint: 'legacy' }, `nofail,${ORDER}`],
  ['a dataset beside the root with a mount point of its own', { name: 'rpool/home', mountpoint: '/home' }, `zfsutil,nofail,${ORDER}`],
  ['a dataset of another pool with a mount point of its own', { name: 'tank/files', mountpoint: '/srv/files' }, `zfsutil,${OTHER}`],
  ['a legacy dataset of another pool', { name: 'tank/files', mountpoint: 'legacy' }, OTHER],
  ['a copy that belay made on a pool that is not imported', { name: 'tank/belay/data/data-000004' }, OTHER],
  ['a dataset that was adopted on a pool that is not imported', { name: 'tank/files' }, `zfsutil,${OTHER}`],
])('fstab mounts %s', (_, dataset, expected) => {
  expect(mountOptions(dataset, 'rpool')).toBe(expected)
})
