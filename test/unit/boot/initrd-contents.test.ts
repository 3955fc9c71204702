import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseBuiltinModules, parseInitrdListing } from '../../../src/boot/initrd-contents.ts'

const recorded = (name: string): string => readFileSync(new URL(`../../fixtures/boot/${name}`, import.meta.url), 'utf8')

describe('what lsinitramfs prints', () => {
  it.each([
    ['lsinitramfs-debian13.txt', '6.12.107+deb13-amd64'],
    ['lsinitramfs-debian12.txt', '6.1.0-56-amd64'],
  ])('of %s tells the modules of its kernel', (name, version) => {
    const { modules, paths } = parseInitrdListing(recorded(name))
    expect([...modules.keys()]).toEqual([version])
    expect(modules.get(version)).toContain('btrfs')
    expect(modules.get(version)).toContain('crc32c_intel')
    expect(modules.get(version)).not.toContain('zfs')
    expect(paths).toContain('init')
    expect(paths).toContain('scripts/local-premount/btrfs')
  })

  it('tells modules of DKMS, of a foreign kernel and of a root without merged /usr', () => {
    const { modules } = parseInitrdListing('lib/modules/6.1.0-1-amd64/updates/dkms/zfs.ko\nusr/lib/modules/6.9-x/kernel/fs/btrfs/btrfs.ko.zst\n')
    expect(modules).toEqual(
      new Map([
        ['6.1.0-1-amd64', new Set(['zfs'])],
        ['6.9-x', new Set(['btrfs'])],
      ]),
    )
  })

  it('takes a directory or another file for no module', () => {
    expect(parseInitrdListing('usr/lib/modules/6.1/kernel/fs/btrfs\nusr/lib/modules/6.1/btrfs.ko.txt\n').modules.size).toBe(0)
  })
})

describe('modules.builtin', () => {
  it('lists modules by path', () => {
    expect(parseBuiltinModules('kernel/fs/btrfs/btrfs.ko\nkernel/arch/x86/events/amd/amd-uncore.ko\n')).toEqual(new Set(['btrfs', 'amd_uncore']))
  })
})
