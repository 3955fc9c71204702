import { describe, expect, it } from 'vitest'
import { whyInRoot } from '../../../src/policy/system-paths.ts'

describe('what cannot be taken out of the root filesystem', () => {
  it.each([
    '/etc',
    '/usr',
    '/usr/lib/app',
    '/usr/local',
    '/boot',
    '/boot/grub',
    '/var',
    '/var/lib',
    '/var/lib/dpkg',
    '/var/lib/dpkg/info',
    '/proc',
    '/run/app',
    '/etc/belay',
  ])('is %s, neither as configuration nor as data', (path) => {
    expect(whyInRoot(path, 'config')).not.toBeNull()
    expect(whyInRoot(path, 'data')).not.toBeNull()
  })

  it.each(['/etc/acme', '/etc/default', '/opt/vendor/etc', '/usr/local/etc', '/var/lib/asterisk', '/home', '/srv/files', '/root', '/bingo', '/user'])(
    'is not %s as configuration',
    (path) => {
      expect(whyInRoot(path, 'config')).toBeNull()
    },
  )

  it('is all of /etc as data, which would be another machine’s after a rollback', () => {
    expect(whyInRoot('/etc/acme', 'data')).toContain('operating system')
    expect(whyInRoot('/srv', 'data')).toBeNull()
  })

  it('is told with what lies inside', () => {
    expect(whyInRoot('/var', 'data')).toContain('/var/lib/apt')
  })
})
