import { describe, expect, it } from 'vitest'
import { ChangedError, FailedError, LockedError, NoSpaceError, NotFoundError, RefusedError } from '../../../src/errors.ts'
import { parseInstalledSizes } from '../../../src/pkg/apt/apt-cache.ts'
import { saidByScript } from '../../../src/pkg/apt/apply-run.ts'
import { explainAptFailure } from '../../../src/pkg/apt/apt-failure.ts'
import { cachedFileName, parseArchiveUris, pathOfFileUri } from '../../../src/pkg/apt/archive-uris.ts'
import { ConffileOutput } from '../../../src/pkg/apt/conffile-output.ts'
import { parseProcLocks } from '../../../src/pkg/apt/file-lock.ts'
import { parseControlMembers } from '../../../src/pkg/apt/package-archive.ts'
import { parseSimulation } from '../../../src/pkg/apt/simulation-output.ts'
import { parseStatusLine } from '../../../src/pkg/apt/status-fd.ts'
import { readFixture } from './read-fixture.ts'

describe("apt-get's simulation", () => {
  it('is read with old and new versions and architectures', () => {
    const { changes, keptBack } = parseSimulation(readFixture('simulate-debian13-upgrade.txt'))
    expect(changes).toHaveLength(7)
    expect(changes[0]).toEqual({ name: 'liblzma5', arch: 'amd64', from: '5.8.1-1+deb13u1', to: '5.8.1-1+deb13u2', downgrade: false })
    expect(changes.find(({ name }) => name === 'zlib1g')?.to).toBe('1:1.3.dfsg+really1.3.1-1+deb13u1')
    expect(keptBack).toEqual([])
  })

  it('with packages that cannot be configured yet, new ones and removals', () => {
    expect(parseSimulation(readFixture('simulate-remove.txt')).changes.map(({ name, from, to }) => [name, from, to])).toEqual([
      ['acme-tool', '1', null],
      ['acme-lib', '1', null],
      ['acme-gateway', '1', '2'],
      ['acme-new', null, '1'],
      ['zz-last', '1', '2'],
      ['acme-slow', '1', '2'],
    ])
  })

  it('with foreign architectures', () => {
    const { changes } = parseSimulation(readFixture('simulate-foreign.txt'))
    expect(changes.find(({ name }) => name === 'libc6')).toEqual({ name: 'libc6', arch: 'i386', from: null, to: '2.41-12+deb13u4', downgrade: false })
    expect(parseSimulation('Remv libc6:i386 [2.41-12]\n').changes).toEqual([{ name: 'libc6', arch: 'i386', from: '2.41-12', to: null, downgrade: false }])
  })

  it('with what is kept back, and only that', () => {
    const { changes, keptBack } = parseSimulation(readFixture('simulate-kept-back.txt'))
    expect(keptBack).toEqual(['acme-lib', 'acme-tool'])
    expect(changes.map(({ name }) => name)).toEqual(['acme-broken', 'acme-gateway'])
  })

  it('takes a package that is removed for a moment as upgraded', () => {
    const text = 'Remv a [1]\nInst a [1] (2 x [amd64])\nRemv a:i386 [1]\n'
    expect(parseSimulation(text).changes.map(({ arch, to }) => [arch, to])).toEqual([
      ['amd64', '2'],
      ['i386', null],
    ])
  })
})

describe("apt's status lines", () => {
  const fractions = (name: string): number[] =>
    readFixture(name)
      .split('\n')
      .flatMap((line) => {
        const status = parseStatusLine(line)
        return status?.kind === 'dpkg' ? [status.fraction] : []
      })

  it('rise from 0 towards 1 while dpkg works', () => {
    const seen = fractions('status-fd-install.txt')
    expect(seen[0]).toBe(0)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen.at(-1)).toBeCloseTo(0.941176)
  })

  it('name the package that failed, and the configuration file that was asked about', () => {
    const parsed = [readFixture('status-fd-broken.txt'), readFixture('status-fd-install.txt')].flatMap((text) => text.split('\n').map(parseStatusLine))
    expect(parsed.filter((line) => line?.kind === 'error')).toEqual([
      { kind: 'error', package: 'acme-broken', text: 'installed acme-broken package post-installation script subprocess returned error exit status 7' },
    ])
    expect(parsed.filter((line) => line?.kind === 'conffile')).toEqual([{ kind: 'conffile', path: '/etc/acme/gateway.conf' }])
  })

  it('may name a foreign architecture, and hold colons', () => {
    expect(parseStatusLine('pmerror:libc6:i386:12.5:a: b')).toEqual({ kind: 'error', package: 'libc6:i386', text: 'a: b' })
    expect(parseStatusLine('dlstatus:1:33.9447:Retrieving file 2 of 4')).toEqual({ kind: 'download', fraction: 0.339447, text: 'Retrieving file 2 of 4' })
    expect(parseStatusLine('media-change:disk:/cdrom')).toBeNull()
  })
})

describe("dpkg's words about configuration files", () => {
  it.each(['dpkg-output-pipe.txt', 'dpkg-output-terminal.txt'])('are found in %s', (fixture) => {
    const output = new ConffileOutput()
    const outcomes = readFixture(fixture)
      .split('\n')
      .flatMap((line) => output.push(line) ?? [])
    expect(outcomes).toEqual([{ path: '/etc/acme/gateway.conf', outcome: 'kept' }])
  })

  it('are not taken for another file', () => {
    const output = new ConffileOutput()
    expect(output.push(' ==> Using new file as you requested.')).toBeNull()
    output.push("Configuration file '/etc/a'")
    expect(output.push(' ==> Using new file as you requested.')).toEqual({ path: '/etc/a', outcome: 'replaced' })
    expect(output.push(' ==> Using new file as you requested.')).toBeNull()
  })
})

describe('archives', () => {
  const uris = parseArchiveUris(readFixture('print-uris-debian13.txt'))

  it('are listed with URI and size, with and without a hash', () => {
    expect(uris).toHaveLength(8)
    expect(uris.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(6_039_964)
  })

  it('have the name that apt gives them in its cache', () => {
    const name = cachedFileName({ name: 'zlib1g', arch: 'amd64', from: null, to: '1:1.3.dfsg+really1.3.1-1+deb13u1', action: 'install' })
    expect(uris.map(({ file }) => file)).toContain(name)
  })

  it('are used in place when they are local files, and only then', () => {
    expect(uris.map(pathOfFileUri).filter((path) => path !== null)).toEqual(['/srv/repo/acme-lib_2_all.deb'])
    expect(pathOfFileUri({ uri: 'file:///srv/a%20b/x.deb', file: 'x.deb', bytes: 1 })).toBe('/srv/a b/x.deb')
    expect(pathOfFileUri({ uri: 'copy:/srv/x.deb', file: 'x.deb', bytes: 1 })).toBeNull()
  })

  it('declare the size that they will take', () => {
    const sizes = parseInstalledSizes(readFixture('apt-cache-show.txt'))
    expect([...sizes]).toEqual([
      ['zlib1g:amd64=1:1.3.dfsg+really1.3.1-1+deb13u1', 172 * 1024],
      ['apt:amd64=3.0.4', 4481 * 1024],
    ])
  })

  it('tell what their control part holds', () => {
    expect([...parseControlMembers(readFixture('dpkg-deb-info.txt'))]).toEqual(['conffiles', 'config', 'control', 'postinst', 'templates'])
  })
})

describe('locks', () => {
  it('are those for writing that a process holds, not those that it waits for', () => {
    expect(parseProcLocks(readFixture('proc-locks.txt'))).toEqual([
      { pid: 21349, inode: 1640542 },
      { pid: 4711, inode: 77 },
    ])
  })
})

describe("apt-get's errors", () => {
  const explain = (stderr: string, pinned = false) => explainAptFailure({ stderr, doing: 'the download', pinned, data: { dpkgBegan: false } })

  it.each([
    ['E: Unable to locate package nope\n', NotFoundError],
    ["E: Version '9' for 'acme-lib' was not found\n", NotFoundError],
    ["E: Package 'acme-lib' has no installation candidate\n", NotFoundError],
    [
      'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?\n',
      LockedError,
    ],
    ["E: You don't have enough free space in /var/cache/apt/archives/.\n", NoSpaceError],
    ['W: x\nE: Failed to fetch http://127.0.0.1:1/x.deb  Write error - write (28: No space left on device)\n', NoSpaceError],
    [
      'E: Failed to fetch http://127.0.0.1:1/./InRelease  Unable to connect to 127.0.0.1:1:\nE: Some index files failed to download. They have been ignored, or old ones used instead.\n',
      FailedError,
    ],
    ["E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n", RefusedError],
    ['E: Held packages were changed and -y was used without --allow-change-held-packages.\n', RefusedError],
    [readFixture('simulate-unsatisfiable.stderr.txt'), RefusedError],
    ['', RefusedError],
  ])('%j has its class, and keeps the facts of the caller', (stderr, expected) => {
    const error = explain(stderr)
    expect(error).toBeInstanceOf(expected)
    expect(error.data['dpkgBegan']).toBe(false)
    expect(error.next.length).toBeGreaterThan(0)
  })

  it.each([
    // Of apt 2.6.1.
    [
      "E: The repository 'https://me:canary@archive.example/debian trixie Release' does not have a Release file.\n",
      'packages/no-such-suite',
      'https://archive.example/debian has no trixie',
    ],
    [
      "E: The value 'bookworm' is invalid for APT::Default-Release as such a release is not available in the sources\n",
      'packages/default-release',
      'apt is told to prefer bookworm',
    ],
  ])('tell what an archive or a setting has to do with a release: %j', (stderr, code, text) => {
    const error = explain(stderr)
    expect(error).toMatchObject({ code, exitCode: 10 })
    expect(error.message).toContain(text)
    expect(JSON.stringify([error.message, error.data])).not.toContain('canary')
  })

  it('mean that the archive has changed when the version was pinned', () => {
    expect(explain("E: Version '9' for 'acme-lib' was not found\n", true)).toBeInstanceOf(ChangedError)
  })

  it('name the URI without the password in it', () => {
    const error = explain('E: Failed to fetch https://user:canary@archive.example/x.deb  404  Not Found\n')
    expect(error.data['uri']).toBe('https://archive.example/x.deb')
    expect(error.message).toContain('404  Not Found')
    expect(error.message).not.toContain('canary')
  })

  it('say why there is no solution, all lines of it', () => {
    expect(explain(readFixture('simulate-unsatisfiable.stderr.txt')).message).toContain('systemd-sysv:amd64 Conflicts sysvinit-core')
  })
})

describe('what a failed package’s script wrote', () => {
  it('is between dpkg’s words on that package and its error', () => {
    const output = [
      'Unpacking acme-broken (2.0.0) over (1.0.0) ...\r',
      'Setting up libacme (2.0.0) ...\r',
      'libacme: all is well\r',
      'Setting up acme-broken (2.0.0) ...\r',
      'one\r',
      'two\r',
      '\r',
      'three\r',
      'acme-broken: this version cannot be configured\r',
      'dpkg: error processing package acme-broken (--configure):\r',
      ' installed acme-broken package post-installation script subprocess returned error exit status 1\r',
      'Errors were encountered while processing:\r',
      ' acme-broken\r',
      '',
    ].join('\n')
    expect(saidByScript(output)).toEqual(['two', 'three', 'acme-broken: this version cannot be configured'])
  })

  it('is nothing where dpkg names no error', () => {
    expect(saidByScript('Setting up acme-broken (2.0.0) ...\nall is well\n')).toEqual([])
    expect(saidByScript('')).toEqual([])
  })
})
