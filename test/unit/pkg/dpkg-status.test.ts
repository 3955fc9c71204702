import { describe, expect, it } from 'vitest'
import { findDpkgProblems } from '../../../src/pkg/dpkg-problems.ts'
import { installedPackages, nativeArchitecture, parseDpkgStatus, type StatusEntry } from '../../../src/pkg/dpkg-status.ts'
import { readFixture } from './read-fixture.ts'

const entries = parseDpkgStatus(readFixture('dpkg-status.txt'))
const command = (text: string): string => `enter-root /mnt ${text}`
const entry = (facts: Partial<StatusEntry>): StatusEntry => ({
  name: 'acme',
  arch: 'amd64',
  version: '1',
  status: 'installed',
  reinstallRequired: false,
  held: false,
  essential: false,
  size: 0,
  conffiles: [],
  ...facts,
})
const findings = { entries: [], updates: [], lockHolder: null, audit: '' }

describe("dpkg's status", () => {
  it('is read with versions, sizes in bytes and the defaults of configuration files', () => {
    expect(entries.find(({ name }) => name === 'acme-gateway')).toEqual({
      name: 'acme-gateway',
      arch: 'all',
      version: '2',
      status: 'installed',
      reinstallRequired: false,
      held: false,
      essential: false,
      size: 10 * 1024,
      conffiles: [
        { path: '/etc/acme/gateway.conf', digest: 'b5333f7978ce4b3a49ba09f3208bd103' },
        { path: '/etc/acme/same.conf', digest: '847676261680bff61c72961c8198abc0' },
      ],
    })
    expect(nativeArchitecture(entries)).toBe('amd64')
  })

  it('lists packages sorted, half configured ones too, and those without those that are gone', () => {
    const more = `${readFixture('dpkg-status.txt')}Package: aaa-gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3\n\n`
    expect(installedPackages(parseDpkgStatus(more)).map(({ name }) => name)).toEqual(['acme-broken', 'acme-gateway', 'apt', 'bash', 'dpkg', 'libc6'])
  })

  it('knows what is on hold, and what says that the system needs it', () => {
    const stanza = (name: string, want: string, more = ''): string =>
      `Package: ${name}\n${more}Status: ${want} ok installed\nArchitecture: amd64\nVersion: 1\n\n`
    const text = stanza('a', 'install') + stanza('b', 'hold') + stanza('c', 'install', 'Essential: yes\n') + stanza('d', 'hold', 'Protected: yes\n')
    expect(parseDpkgStatus(text).map(({ name, held, essential }) => [name, held, essential])).toEqual([
      ['a', false, false],
      ['b', true, false],
      ['c', false, true],
      ['d', true, true],
    ])
  })

  it('leaves out defaults of files that the package no longer ships', () => {
    const text = `Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nConffiles:\n /etc/a b ${'0'.repeat(32)}\n /etc/old ${'1'.repeat(32)} obsolete\n /etc/new newconffile\n`
    expect(parseDpkgStatus(text)[0]?.conffiles).toEqual([{ path: '/etc/a b', digest: '0'.repeat(32) }])
  })

  it('gives the exact remedy for each state that is not in order', () => {
    const problems = findDpkgProblems(
      {
        ...findings,
        entries: [
          ...entries,
          entry({ name: 'half', status: 'half-installed' }),
          entry({ name: 'torn', reinstallRequired: true, arch: 'all' }),
          entry({ name: 'waits', status: 'triggers-pending' }),
        ],
      },
      command,
    )
    expect(problems.map(({ code, remedy }) => [code, remedy])).toEqual([
      ['half-configured', 'enter-root /mnt dpkg --configure -a'],
      ['half-installed', 'enter-root /mnt apt-get install --reinstall half:amd64'],
      ['reinstall-required', 'enter-root /mnt apt-get install --reinstall torn'],
      ['triggers-pending', 'enter-root /mnt dpkg --configure -a'],
    ])
    expect(problems[0]?.text).toBe('acme-broken is half configured')
  })

  it('knows an interrupted dpkg by its numbered updates, and nothing else by them', () => {
    expect(findDpkgProblems({ ...findings, updates: ['0007'] }, command).map(({ code }) => code)).toEqual(['interrupted'])
    expect(findDpkgProblems({ ...findings, updates: ['tmp.i', 'lock'] }, command)).toEqual([])
  })

  it('says nothing of what the holder of the lock is still changing', () => {
    const problems = findDpkgProblems({ ...findings, entries, updates: ['0001'], lockHolder: { pid: 4711, command: 'apt-get' } }, command)
    expect(problems).toEqual([{ code: 'locked', text: "process 4711 (apt-get) holds dpkg's lock", remedy: expect.stringContaining('--pid=4711') as unknown }])
  })

  it('passes on what only the audit sees', () => {
    expect(findDpkgProblems({ ...findings, audit: readFixture('dpkg-audit-half-configured.txt') }, command)[0]).toMatchObject({
      code: 'audit',
      remedy: 'enter-root /mnt apt-get install --fix-broken',
    })
  })
})
