import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindBootPartition, bindFstab } from '../../../src/snap/fstab.ts'

const line = (mountpoint: string, options = 'subvol=@belay/data/data-000001/volume,nofail') => ({ device: 'UUID=x', mountpoint, type: 'btrfs', options })
const ours = 'UUID=x /srv/files btrfs subvol=@belay/data/data-000001/volume,nofail 0 0'
const linesOf = (text: string): string[] => text.split('\n')

describe('the fstab of a boot environment', () => {
  it('keeps comments, blanks and lines of others as they are, byte for byte', () => {
    const foreign = '# a comment   with blanks\n\nUUID=b\t/boot/grub  ext4\tdefaults 0 2\n   tmpfs /tmp tmpfs size=1G\n'
    expect(bindFstab(foreign, [line('/srv/files')]).startsWith(foreign)).toBe(true)
  })

  it('takes the subvolume from the root’s line, by name and by number, and keeps its other options', () => {
    expect(linesOf(bindFstab('UUID=x / btrfs noatime,subvol=@rootfs,compress=zstd,subvolid=256 0 1\n', []))[0]).toBe('UUID=x / btrfs noatime,compress=zstd 0 1')
    expect(linesOf(bindFstab('UUID=x / btrfs subvol=/@ 0 0\n', []))[0]).toBe('UUID=x / btrfs defaults 0 0')
    expect(linesOf(bindFstab('UUID=x / btrfs\n', []))[0]).toBe('UUID=x / btrfs defaults')
    expect(linesOf(bindFstab('UUID=x /home btrfs subvol=@home 0 0\n', []))[0]).toBe('UUID=x /home btrfs subvol=@home 0 0')
    expect(linesOf(bindFstab('# UUID=x / btrfs subvol=@rootfs 0 0\n', []))[0]).toBe('# UUID=x / btrfs subvol=@rootfs 0 0')
  })

  it('replaces its own lines and drops those that are not wanted any more', () => {
    const first = bindFstab('tmpfs /tmp tmpfs nodev 0 0\n', [line('/srv/files'), line('/var/log')])
    const second = bindFstab(first, [line('/srv/files')])
    expect(linesOf(second).filter((text) => text === ours)).toHaveLength(1)
    expect(second).not.toContain('/var/log')
    expect(second).toContain('tmpfs /tmp tmpfs nodev 0 0')
  })

  it('replaces a line of somebody else’s for the same mount point, however that is written', () => {
    expect(bindFstab('/dev/sdb1 /srv/files ext4 defaults 0 2\n', [line('/srv/files')])).not.toContain('/dev/sdb1')
    expect(bindFstab('/dev/sdb1 /srv/my\\040files ext4 defaults 0 2\n', [line('/srv/my files')])).not.toContain('/dev/sdb1')
  })

  it('writes blanks, tabs and backslashes in a mount point as fstab(5) wants them', () => {
    expect(bindFstab('', [line('/srv/my files\tand\\more')])).toContain(' /srv/my\\040files\\011and\\134more btrfs ')
  })

  it('writes a blank in the name of a dataset as fstab(5) wants it', () => {
    expect(bindFstab('', [{ device: 'tank/My Files', mountpoint: '/srv/files', type: 'zfs', options: 'nofail' }])).toContain(
      'tank/My\\040Files /srv/files zfs nofail 0 0',
    )
  })

  it('keeps what stands behind its block, and what follows a block whose end is missing', () => {
    const bound = bindFstab('', [line('/srv/files')])
    expect(bindFstab(`${bound}LABEL=late /late ext4 noauto 0 0\n`, [])).toContain('LABEL=late /late ext4 noauto 0 0')
    const endless = bound.replace('# belay end\n', '')
    const mended = bindFstab(`${endless}LABEL=late /late ext4 noauto 0 0\n`, [line('/srv/files')])
    expect(mended).toContain('LABEL=late /late ext4 noauto 0 0')
    expect(linesOf(mended).filter((text) => text === ours)).toHaveLength(1)
  })

  it('ends in one newline, whatever it began with', () => {
    for (const text of ['', '\n', 'a b c d\n', 'a b c d', 'a b c d\n\n\n']) expect(bindFstab(text, [line('/srv')])).toMatch(/[^\n]\n$/)
  })

  it('is the same when it is bound twice', () => {
    const text = fc
      .array(fc.constantFrom('', '# comment', 'UUID=x / btrfs subvol=@ 0 0', '/dev/sda1 /srv ext4 defaults 0 0', 'tmpfs /tmp tmpfs', 'odd', '# belay end'))
      .map((lines) => lines.join('\n'))
    const lines = fc.subarray([line('/srv'), line('/var/log'), line('/srv/my files')])
    fc.assert(
      fc.property(text, lines, (before, wanted) => {
        const once = bindFstab(before, wanted)
        expect(bindFstab(once, wanted)).toBe(once)
      }),
    )
  })
})

describe('the fstab of a boot environment whose kernels came from a partition at /boot', () => {
  const installed =
    'UUID=r / btrfs defaults,subvol=@rootfs 0 0\nUUID=b /boot           ext4    defaults        0       2\nUUID=E-F /boot/efi vfat umask=0077 0 1\n'
  const fields = (text: string | null): string[] => linesOf(text ?? '').filter((entry) => entry !== '' && !entry.startsWith('#'))

  it('mounts the partition aside and binds GRUB’s directory to its old place; other lines stay, also those below /boot', () => {
    expect(fields(bindBootPartition(installed))).toEqual([
      'UUID=r / btrfs defaults,subvol=@rootfs 0 0',
      'UUID=b /boot/grub-partition ext4 defaults 0 2',
      '/boot/grub-partition/grub /boot/grub none bind 0 0',
      'UUID=E-F /boot/efi vfat umask=0077 0 1',
    ])
  })

  it('says why, for whoever reads it', () => {
    expect(bindBootPartition(installed)).toMatch(/^# belay: this partition was \/boot\..*\nUUID=b/m)
  })

  it('keeps the options of the partition, but for those that would mount it too late', () => {
    const line = 'UUID=b /boot ext4 noatime,noauto,x-systemd.automount,x-systemd.idle-timeout=60,nodev 0 2'
    expect(fields(bindBootPartition(line))[0]).toBe('UUID=b /boot/grub-partition ext4 noatime,nodev 0 2')
    expect(fields(bindBootPartition('/dev/vda2 /boot ext4 noauto'))[0]).toBe('/dev/vda2 /boot/grub-partition ext4 defaults')
    expect(fields(bindBootPartition('/dev/vda2 /boot ext4'))[0]).toBe('/dev/vda2 /boot/grub-partition ext4 defaults')
  })

  it('comes up without the partition where the machine did, and can write to it', () => {
    expect(fields(bindBootPartition('UUID=b /boot ext4 nofail,ro 0 2'))).toEqual([
      'UUID=b /boot/grub-partition ext4 nofail 0 2',
      '/boot/grub-partition/grub /boot/grub none bind,nofail 0 0',
    ])
  })

  it('is the same when it is written twice, and keeps its lines when data is bound', () => {
    const once = bindBootPartition(installed) ?? ''
    expect(bindBootPartition(once)).toBe(once)
    const bound = bindFstab(once, [line('/srv/files')])
    expect(fields(bound).slice(1, 4)).toEqual(fields(once).slice(1, 4))
    expect(bindBootPartition(bound)).toBe(bound)
  })

  it('takes the last of two lines for /boot, as mount does, and none where there is none', () => {
    const two = bindBootPartition('UUID=old /boot ext4 defaults 0 2\nUUID=new /boot ext4 defaults 0 2\n')
    expect(fields(two)).toEqual(['UUID=new /boot/grub-partition ext4 defaults 0 2', '/boot/grub-partition/grub /boot/grub none bind 0 0'])
    for (const text of ['', '# UUID=b /boot ext4 defaults 0 2\n', 'UUID=g /boot/grub ext4 defaults 0 2\n']) expect(bindBootPartition(text)).toBeNull()
  })
})
