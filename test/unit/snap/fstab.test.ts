import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindFstab } from '../../../src/snap/fstab.ts'

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
