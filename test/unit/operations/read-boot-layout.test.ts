import { beforeEach, describe, expect, it } from 'vitest'
import { readBootLayout } from '../../../src/operations/read-boot-layout.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

const ROOT = '22 1 0:24 /@rootfs / rw,relatime - btrfs /dev/vda3 rw'
const BOOT = '40 22 254:2 / /boot rw - ext4 /dev/vda2 rw'
const GRUB = '41 22 254:4 / /boot/grub rw - ext4 /dev/vda4 rw'
const FSTAB = 'UUID=r / btrfs subvol=@rootfs 0 0\nUUID=b /boot ext4 defaults 0 2\n'

let files: MemoryFiles
const write = async (path: string, text: string): Promise<void> => {
  await files.makeDirectory(path.slice(0, path.lastIndexOf('/')))
  await files.writeAtomic(path, text)
}
const read = async (...mounts: readonly string[]) => {
  await write('/proc/self/mountinfo', [ROOT, ...mounts].join('\n'))
  return readBootLayout({ files, target: { root: '/', live: true } })
}

describe('what init finds at /boot', () => {
  beforeEach(async () => {
    files = new MemoryFiles()
    await write('/etc/fstab', FSTAB)
  })

  it('is taken as the installer leaves it, and with a GRUB partition of its own', async () => {
    expect(await read(BOOT)).toMatchObject({ kind: 'boot-partition', source: '/dev/vda2' })
    expect(await read(GRUB)).toMatchObject({ kind: 'grub-partition', source: '/dev/vda4' })
  })

  it('is refused where GRUB’s directory is on a partition beside the one at /boot', async () => {
    await expect(read(BOOT, GRUB)).rejects.toMatchObject({ code: 'layout/boot', exitCode: 10 })
  })

  it('is refused where no line of fstab mounts /boot: nothing would say how the next boot does it', async () => {
    await write('/etc/fstab', 'UUID=r / btrfs subvol=@rootfs 0 0\n# UUID=b /boot ext4 defaults 0 2\n')
    await expect(read(BOOT)).rejects.toMatchObject({ code: 'layout/boot-fstab', exitCode: 10 })
    await files.remove('/etc/fstab')
    await expect(read(BOOT)).rejects.toMatchObject({ code: 'layout/boot-fstab' })
  })

  it.each([
    ['a logical volume', 'dm/uuid', 'LVM-kBsP0aRvcT2k\n'],
    ['an encrypted volume', 'dm/uuid', 'CRYPT-LUKS2-5d1e-boot\n'],
    ['a RAID', 'md/level', 'raid1\n'],
  ])('is refused on %s, where GRUB cannot write', async (_, path, text) => {
    await write(`/sys/dev/block/254:2/${path}`, text)
    await write(`/sys/dev/block/254:4/${path}`, text)
    await expect(read(BOOT)).rejects.toMatchObject({ code: 'layout/grub-device', exitCode: 10, data: { device: '/dev/vda2' } })
    await expect(read(GRUB)).rejects.toMatchObject({ code: 'layout/grub-device', data: { device: '/dev/vda4' } })
  })

  it('is taken on a partition of a disk that has several paths: the firmware shows GRUB an ordinary disk', async () => {
    await write('/sys/dev/block/254:2/dm/uuid', 'part2-mpath-360a98000\n')
    expect(await read(BOOT)).toMatchObject({ kind: 'boot-partition' })
  })
})
