import { describe, expect, it } from 'vitest'
import { bootedEnvironment, ExtraArgument, kernelArguments, type RootFilesystem } from '../../../src/boot/kernel-arguments.ts'
import { RefusedError } from '../../../src/errors.ts'
import { beName } from '../../../src/snap/names.ts'

const BTRFS: RootFilesystem = { driver: 'btrfs', filesystemUuid: '0b6f1c1e-1111-4222-8333-944445555666', subvolume: 'belay/be/be-000002' }
const be = beName(2)

describe('the kernel command line of a boot environment', () => {
  it('names a btrfs root by UUID and subvolume', () => {
    expect(kernelArguments({ be, root: BTRFS, panicSeconds: 10, deadlineSeconds: 900, extra: ['quiet', 'console=ttyS0,115200n8'] })).toEqual([
      'root=UUID=0b6f1c1e-1111-4222-8333-944445555666',
      'ro',
      'rootflags=subvol=belay/be/be-000002',
      'panic=10',
      'noresume',
      'belay.be=be-000002',
      'belay.deadline=900',
      'quiet',
      'console=ttyS0,115200n8',
    ])
  })

  it('names a ZFS root by its dataset', () => {
    expect(
      kernelArguments({ be, root: { driver: 'zfs', dataset: 'pool/ROOT/be-000002', hostid: '0x00bab10c' }, panicSeconds: 5, deadlineSeconds: 900, extra: [] }),
    ).toEqual(['root=ZFS=pool/ROOT/be-000002', 'spl.spl_hostid=0x00bab10c', 'panic=5', 'noresume', 'belay.be=be-000002', 'belay.deadline=900'])
  })

  it.each([
    'root=/dev/sda1',
    'ro',
    'rw',
    'rootflags=x',
    'panic=0',
    'noresume',
    'resume=UUID=x',
    'belay.be=be-000009',
    'belay.deadline=900',
    'belay.anything',
    '--',
    'boot=live',
    'BOOT_IMAGE=x',
  ])('refuses %s from policy, because it is set by belay', (argument) => {
    expect(ExtraArgument.safeParse(argument).success).toBe(false)
  })

  it.each(['two words', '', "it's", '"x"', '$HOME', 'a\\b', 'a\nb', 'caf\u00e9', 'a`b`', '\u0007'])(
    'refuses %j from policy, because it is not one plain word',
    (argument) => {
      expect(ExtraArgument.safeParse(argument).success).toBe(false)
    },
  )

  it('tells which argument is wrong and why', () => {
    const attempt = () => kernelArguments({ be, root: BTRFS, panicSeconds: 10, deadlineSeconds: 900, extra: ['quiet', 'rw'] })
    expect(attempt).toThrow(RefusedError)
    expect(attempt).toThrow('kernel argument "rw" is set by belay itself')
  })

  it.each([
    { ...BTRFS, subvolume: 'a,subvolid=5' },
    { ...BTRFS, subvolume: 'a b' },
    { ...BTRFS, filesystemUuid: 'x; reboot' },
    { driver: 'zfs' as const, dataset: 'pool/a b', hostid: null },
    { driver: 'zfs' as const, dataset: 'pool', hostid: null },
    { driver: 'zfs' as const, dataset: 'pool/a@snap', hostid: null },
    { driver: 'zfs' as const, dataset: 'pool/ROOT/a', hostid: '0x1 rw' },
  ])('refuses the root %j', (root) => {
    expect(() => kernelArguments({ be, root, panicSeconds: 10, deadlineSeconds: 900, extra: [] })).toThrow(RefusedError)
  })
})

describe('the boot environment in /proc/cmdline', () => {
  it.each([
    ['BOOT_IMAGE=(hd0,gpt2)//belay/be/be-000002/vmlinuz ro belay.be=be-000002 quiet\n', 'be-000002'],
    ['belay.be=be-000001 belay.be=be-000003', 'be-000003'],
    ['xbelay.be=be-000001 belay.be=../x', null],
    ['root=/dev/vda1 ro', null],
  ])('of %j is %j', (commandLine, expected) => {
    expect(bootedEnvironment(commandLine)).toBe(expected)
  })
})
