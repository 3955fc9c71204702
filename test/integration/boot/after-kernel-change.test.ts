import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const CHECKOUT = join(import.meta.dirname, '../../..')
const HOOKS = ['etc/kernel/postinst.d/zz-belay', 'etc/kernel/postrm.d/zz-belay', 'etc/initramfs/post-update.d/belay']

/**
 * An appliance in a mount namespace, with the hooks and a belay that notes how it was called. Arguments: work directory, checkout, hook, exit status of belay,
 * and paths that the appliance lacks.
 */
const STAGE = `set -eu
work=$1 checkout=$2 hook=$3 status=$4; shift 4
mkdir "$work/over"; mount -t tmpfs tmpfs "$work/over"; mkdir "$work/over/upper" "$work/over/work"
mount -t overlay -o "lowerdir=/usr,upperdir=$work/over/upper,workdir=$work/over/work" overlay /usr
mkdir -p /usr/lib/belay/libexec; cp "$checkout/libexec/after-kernel-change" /usr/lib/belay/libexec/
printf '#!/bin/sh\\necho "$@" >>%s\\necho "what belay says"\\nexit %s\\n' "$work/calls" "$status" >/usr/bin/belay; chmod +x /usr/bin/belay
mount -t tmpfs tmpfs /boot; mkdir -p /boot/grub/belay; echo env >/boot/grub/belay/env
mount -t tmpfs tmpfs /var/lib; mkdir /var/lib/belay; echo '{}' >/var/lib/belay/index.json
for path in "$@"; do rm "$path"; done
exec "$checkout/hooks/$hook" 6.12.117+deb13-amd64 /boot/vmlinuz-6.12.117+deb13-amd64`

describe('the hooks of kernel packages and of update-initramfs', () => {
  let work: string

  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'belay-hook-'))
  })
  afterEach(() => {
    rmSync(work, { recursive: true })
  })

  const runHook = (
    hook: string,
    options: { readonly status?: number; readonly without?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
  ) => {
    const args = ['--mount', '/bin/sh', '-c', STAGE, 'sh', work, CHECKOUT, hook, String(options.status ?? 0), ...(options.without ?? [])]
    const { status, stderr } = spawnSync('/usr/bin/unshare', args, { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin', ...options.env } })
    return { status, stderr, calls: existsSync(join(work, 'calls')) ? readFileSync(join(work, 'calls'), 'utf8') : '' }
  }

  it.each(HOOKS)('%s refreshes the boot set', (hook) => {
    expect(runHook(hook)).toEqual({ status: 0, stderr: '', calls: 'boot-set refresh --json\n' })
  })

  it.each([['/boot/grub/belay/env'], ['/var/lib/belay/index.json'], ['/usr/bin/belay'], ['/usr/lib/belay/libexec/after-kernel-change']])(
    'do nothing on a machine without %s',
    (path) => {
      for (const hook of HOOKS) {
        expect(runHook(hook, { without: [path] })).toEqual({ status: 0, stderr: '', calls: '' })
        rmSync(join(work, 'over'), { recursive: true })
      }
    },
  )

  it('leave an upgrade that belay drives alone', () => {
    expect(runHook('etc/kernel/postinst.d/zz-belay', { env: { BELAY_UPGRADE_RUNNING: '1' } })).toEqual({ status: 0, stderr: '', calls: '' })
  })

  it('never fail the package, but say what is wrong', () => {
    const { status, stderr } = runHook('etc/kernel/postinst.d/zz-belay', { status: 10 })
    expect(status).toBe(0)
    expect(stderr).toContain('what belay says')
    expect(stderr).toContain('belay doctor')
  })

  it('do not alarm anybody when another operation of belay runs', () => {
    const { status, stderr } = runHook('etc/kernel/postinst.d/zz-belay', { status: 11 })
    expect(status).toBe(0)
    expect(stderr).not.toContain('what belay says')
  })
})
