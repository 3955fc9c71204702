import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const CHECKOUT = join(import.meta.dirname, '../../..')

/**
 * A machine in a mount namespace with belay's wrapper, and programs in the places of Debian's and of belay's own that note how they were called.
 * Arguments: work directory, checkout, statuses of Debian's program and of belay's part, what lsblk says, a command to change the machine, arguments of grub-install.
 */
const STAGE = `set -eu
work=$1 checkout=$2 debians=$3 belays=$4 type=$5 change=$6; shift 6
mkdir "$work/over"; mount -t tmpfs tmpfs "$work/over"; mkdir "$work/over/upper" "$work/over/work"
mount -t overlay -o "lowerdir=/usr,upperdir=$work/over/upper,workdir=$work/over/work" overlay /usr
mkdir -p /usr/lib/belay/libexec
note() { printf '#!/bin/sh\\necho "%s" "$@" >>%s\\nexit %s\\n' "$1" "$work/calls" "$3" >"$2"; chmod +x "$2"; }
note debian /usr/sbin/grub-install.distrib "$debians"
note core-image /usr/lib/belay/libexec/install-core-image "$belays"
note efi-stub /usr/lib/belay/libexec/install-efi-stub "$belays"
printf '#!/bin/sh\\necho %s\\n' "$type" >/usr/bin/lsblk; chmod +x /usr/bin/lsblk
mount -t tmpfs tmpfs /boot; mkdir -p /boot/grub/belay; echo env >/boot/grub/belay/env; echo cfg >/boot/grub/belay/grub.cfg
eval "$change"
exec "$checkout/libexec/grub-install" "$@"`

describe('grub-install, wrapped', () => {
  let work: string

  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'belay-grub-install-'))
  })
  afterEach(() => {
    rmSync(work, { recursive: true })
  })

  const install = (
    args: readonly string[],
    {
      debians = 0,
      belays = 0,
      type = 'disk',
      change = ':',
    }: { readonly debians?: number; readonly belays?: number; readonly type?: string; readonly change?: string } = {},
  ) => {
    const stage = ['--mount', '/bin/sh', '-c', STAGE, 'sh', work, CHECKOUT, String(debians), String(belays), type, change, ...args]
    const { status, stderr } = spawnSync('/usr/bin/unshare', stage, { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin' } })
    return { status, stderr, calls: existsSync(join(work, 'calls')) ? readFileSync(join(work, 'calls'), 'utf8').trimEnd().split('\n') : [] }
  }

  it.each([
    [['--target=i386-pc', '--force', '/dev/sda']],
    [['--target', 'i386-pc', '--modules', 'lvm ext2', '/dev/sda']],
    [['--recheck', '--target=i386-pc', '/dev/sda', '--bootloader-id=debian']],
  ])('lets Debian’s program copy modules, then gives the disk belay’s core image: %j', (args) => {
    expect(install(args)).toEqual({ status: 0, stderr: '', calls: [`debian --no-bootsector ${args.join(' ')}`, 'core-image /dev/sda'] })
  })

  it('installs Debian’s core image when belay’s cannot be installed, and says so', () => {
    const { status, stderr, calls } = install(['--target=i386-pc', '/dev/sda'], { belays: 1 })
    expect({ status, calls }).toEqual({
      status: 0,
      calls: ['debian --no-bootsector --target=i386-pc /dev/sda', 'core-image /dev/sda', 'debian --target=i386-pc /dev/sda'],
    })
    expect(stderr).toContain('as Debian makes it')
  })

  it('ends as Debian’s program does when the modules cannot be copied, and the core image stays', () => {
    expect(install(['--target=i386-pc', '/dev/sda'], { debians: 1 })).toMatchObject({ status: 1, calls: ['debian --no-bootsector --target=i386-pc /dev/sda'] })
  })

  it.each([[[]], [['--efi-directory=/efi']], [['--efi-directory', '/efi', '--bootloader-id', 'debian']]])(
    'puts the stub onto the EFI system partition behind Debian’s: %j',
    (options) => {
      const args = ['--target=x86_64-efi', ...options]
      expect(install(args)).toEqual({ status: 0, stderr: '', calls: [`debian ${args.join(' ')}`, `efi-stub ${options.length === 0 ? '/boot/efi' : '/efi'}`] })
    },
  )

  it('does not fail on EFI without the signed GRUB, but says what is missing', () => {
    const { status, stderr } = install(['--target=x86_64-efi'], { belays: 4 })
    expect(status).toBe(0)
    expect(stderr).toContain('a damaged grub.cfg ends in GRUB')
  })

  it.each([
    [['--help']],
    [['-V']],
    [['--target=i386-pc', '--boot-directory=/mnt/boot', '/dev/sda']],
    [['--target=i386-pc', '--no-bootsector', '/dev/sda']],
    [['--target=i386-pc', '-d', '/usr/lib/grub/i386-pc', '/dev/sda']],
    [['--target=i386-pc', '/dev/sda', '/dev/sdb']],
    [['--target=arm64-uboot', '/dev/sda']],
    [['--target']],
  ])('leaves other calls to Debian’s program: %j', (args) => {
    expect(install(args)).toEqual({ status: 0, stderr: '', calls: [`debian ${args.join(' ')}`] })
  })

  it('leaves partitions, RAID and loop devices to Debian’s program', () => {
    expect(install(['--target=i386-pc', '/dev/sda1'], { type: 'part' }).calls).toEqual(['debian --target=i386-pc /dev/sda1'])
  })

  it.each([['rm /boot/grub/belay/env'], [': >/boot/grub/belay/released'], ['rm /boot/grub/belay/grub.cfg']])(
    'is Debian’s program on a machine that is not belay’s: %s',
    (change) => {
      expect(install(['--target=i386-pc', '/dev/sda'], { change }).calls).toEqual(['debian --target=i386-pc /dev/sda'])
    },
  )

  it('ends with 127 and a message where Debian’s program is missing', () => {
    const { status, stderr } = install(['/dev/sda'], { change: 'rm /usr/sbin/grub-install.distrib' })
    expect(status).toBe(127)
    expect(stderr).toContain('is missing')
  })
})
