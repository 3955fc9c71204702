import { describe, expect, it } from 'vitest'
import { parseHookInput } from '../../../src/pkg/hook-input.ts'
import { readFixture } from './read-fixture.ts'

// Recorded with apt 3.0.3 by a hook that saved its input.
const INSTALL_AND_UPGRADE = readFixture('hook-input-install-upgrade.txt')
const input = (...lines: string[]): string => `VERSION 3\nAPT::Architecture=amd64\n\n${lines.map((line) => `${line}\n`).join('')}`

describe('what apt tells its hook', () => {
  it('names each package once, with what becomes of it, and how apt was called', () => {
    expect(parseHookInput(INSTALL_AND_UPGRADE)).toEqual({
      dryRun: false,
      commandLine: 'apt-get install -y /tmp/p/acme-tool_2.0.0_all.deb /tmp/p/acme-help_1.0.0_all.deb',
      changes: [
        { name: 'acme-help', arch: 'all', from: null, to: '1.0.0', action: 'install', archive: '/tmp/p/acme-help_1.0.0_all.deb' },
        { name: 'acme-tool', arch: 'all', from: '1.0.0', to: '2.0.0', action: 'upgrade', archive: '/tmp/p/acme-tool_2.0.0_all.deb' },
      ],
    })
  })

  it('is a dry run when apt calls no dpkg', () => {
    const { dryRun, changes } = parseHookInput(readFixture('hook-input-dry-run.txt'))
    expect(dryRun).toBe(true)
    expect(changes).toEqual([{ name: 'acme-help', arch: 'all', from: '1.0.0', to: null, action: 'remove', archive: null }])
  })

  it.each([
    ['hello 2.0 amd64 same = 2.0 amd64 same /var/cache/apt/archives/hello 2.0.deb', 'reinstall'],
    ['hello 2.0 amd64 none > 1.0 amd64 none /a.deb', 'downgrade'],
    ['hello 2.0 amd64 none = 2.0 amd64 none **CONFIGURE**', 'configure'],
    ['hello 2.0 amd64 none > - - none **REMOVE**', 'remove'],
  ])('%s', (line, action) => {
    expect(parseHookInput(input(line)).changes).toMatchObject([{ name: 'hello', arch: 'amd64', action }])
    expect(parseHookInput(readFixture('hook-input-reinstall.txt')).changes).toMatchObject([{ name: 'acme-tool', action: 'reinstall' }])
  })

  it('cannot smuggle lines and colours into tables by its command line', () => {
    const text = `VERSION 3\nCommandLine::AsString=apt%20install%0a%1b[31mx%\n\n`
    expect(parseHookInput(text).commandLine).toBe('apt%20install%0a%1b[31mx%')
    expect(parseHookInput(text.replace('x%\n', 'x\n')).commandLine).toBe('apt install [31mx')
  })

  it.each([
    ['', 'VERSION 3'],
    ['/var/cache/apt/archives/hello.deb\n', 'VERSION 3'],
    ['VERSION 2\n\n', 'VERSION 3'],
    ['VERSION 3\nAPT::Architecture=amd64\n', 'no end'],
    [INSTALL_AND_UPGRADE.slice(0, -20), 'no end'],
    [input('hello'), 'line 4'],
    [input('--option - - none < 1 amd64 none /a.deb'), 'line 4'],
    [input('hello - - none < 1 amd64 none **EXPLODE**'), '**EXPLODE** is no action'],
    [input('hello - - none < - - none **REMOVE**'), 'neither'],
  ])('is refused when it is junk: %j', (text, why) => {
    expect(() => parseHookInput(text)).toThrow(expect.objectContaining({ code: 'hook-input', message: expect.stringContaining(why) as unknown }))
  })
})
