import { describe, expect, it } from 'vitest'
import { bootLayoutOf } from '../../../src/snap/boot-layout.ts'
import { parseMountInfo } from '../../../src/sys/mount-table.ts'

const TARGET = { root: '/', live: true }
const FSTAB = 'UUID=1-2 / btrfs subvol=@rootfs 0 0\n'
const ROOT = '22 1 0:24 /@rootfs / rw,relatime - btrfs /dev/vda3 rw'
const layoutOf = (...lines: readonly string[]) => bootLayoutOf(parseMountInfo([ROOT, ...lines].join('\n')), TARGET, FSTAB)

describe('the layout of /boot', () => {
  it('is a GRUB partition where an ext4 is mounted at /boot/grub', () => {
    expect(layoutOf('40 22 254:2 / /boot/grub rw - ext4 /dev/vda2 rw')).toEqual({
      kind: 'grub-partition',
      filesystem: '/boot/grub',
      source: '/dev/vda2',
      device: '254:2',
    })
  })

  it('is a GRUB partition where a directory of an ext4 is bound to /boot/grub, which can be frozen there', () => {
    const aside = '40 22 254:2 / /boot/grub-partition rw - ext4 /dev/vda2 rw'
    expect(layoutOf(aside, '41 22 254:2 /grub /boot/grub rw - ext4 /dev/vda2 rw')).toMatchObject({ kind: 'grub-partition', filesystem: '/boot/grub' })
    expect(() => layoutOf(aside)).toThrow(expect.objectContaining({ code: 'layout/no-grub-partition' }))
  })

  it('is a boot partition where an ext4 at /boot holds GRUB’s directory; what is frozen is that filesystem', () => {
    const efi = '42 40 254:1 / /boot/efi rw - vfat /dev/vda1 rw'
    expect(layoutOf('40 22 254:2 / /boot rw - ext4 /dev/vda2 rw', efi)).toEqual({
      kind: 'boot-partition',
      filesystem: '/boot',
      source: '/dev/vda2',
      device: '254:2',
    })
  })

  it('is there and not mounted where fstab names it: what helps is to mount it', () => {
    const fstab = `${FSTAB}UUID=3-4 /boot/grub ext4 defaults 0 2\n`
    expect(() => bootLayoutOf(parseMountInfo(ROOT), TARGET, fstab)).toThrow(expect.objectContaining({ code: 'layout/not-mounted', next: ['mount /boot/grub'] }))
  })

  it('is looked for below the target', () => {
    const mounts = parseMountInfo(['40 22 254:2 / /boot rw - ext4 /dev/vda2 rw', '50 22 7:1 / /mnt/image/boot rw - ext4 /dev/loop1 rw'].join('\n'))
    expect(bootLayoutOf(mounts, { root: '/mnt/image', live: false }, FSTAB)).toMatchObject({ filesystem: '/mnt/image/boot', device: '7:1' })
  })

  it.each([
    ['everything is in the btrfs', []],
    ['/boot is FAT', ['40 22 254:1 / /boot rw - vfat /dev/vda1 rw']],
    ['/boot is xfs', ['40 22 254:2 / /boot rw - xfs /dev/vda2 rw']],
    ['/boot is a directory of another filesystem', ['40 22 254:2 /machine/boot /boot rw - ext4 /dev/vda2 rw']],
    ['/boot/grub is FAT', ['40 22 254:1 / /boot/grub rw - vfat /dev/vda1 rw']],
    ['/boot/grub is a btrfs subvolume', ['40 22 0:24 /@grub /boot/grub rw - btrfs /dev/vda3 rw']],
  ])('is refused with the way out where %s', (_, lines) => {
    expect(() => layoutOf(...lines)).toThrow(expect.objectContaining({ code: 'layout/no-grub-partition', next: [expect.stringContaining('/boot')] }))
  })
})
