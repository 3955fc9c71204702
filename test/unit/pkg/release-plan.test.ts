import { describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/errors.ts'
import type { PackageChange, ReleaseFacts, Simulation } from '../../../src/pkg/packages.ts'
import { parseOsRelease } from '../../../src/pkg/release/debian-releases.ts'
import { planRelease, refuseSimulation, removalNotice } from '../../../src/pkg/release/plan-release.ts'

const facts = (more: Partial<ReleaseFacts> = {}): ReleaseFacts => ({
  osRelease: { id: 'debian', codename: 'bookworm' },
  sources: [{ path: '/etc/apt/sources.list', text: 'deb http://a bookworm main\n' }],
  held: [],
  essential: ['base-files', 'dpkg'],
  ...more,
})

const change = (name: string, from: string | null, to: string | null): PackageChange => ({
  name,
  arch: 'amd64',
  from,
  to,
  action: to === null ? 'remove' : from === null ? 'install' : 'upgrade',
})
const baseFiles = change('base-files', '12.4+deb12u15', '13.8+deb13u7')
const simulation = (...changes: PackageChange[]): Simulation => ({ changes, keptBack: [], downloadBytes: 0, diskBytes: 0, unpackedBytes: 0 })

const refusalOf = (work: () => unknown): { readonly code: string; readonly message: string; readonly next: readonly string[]; readonly exitCode: number } => {
  try {
    work()
  } catch (error) {
    return error as ReturnType<typeof refusalOf>
  }
  throw new Error('nothing was refused')
}

describe('os-release', () => {
  it('tells distribution and release, quoted or not', () => {
    // Of base-files 12.4+deb12u11.
    const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\nHOME_URL="https://www.debian.org/"\n'
    expect(parseOsRelease(text)).toEqual({ id: 'debian', codename: 'bookworm' })
    expect(parseOsRelease('ID="acmeos"\nID_LIKE=debian\n')).toEqual({ id: 'acmeos', codename: null })
  })
})

describe('a release upgrade', () => {
  it('goes to the release that follows', () => {
    const { name, sources, checks } = planRelease(facts(), 'trixie')
    expect(name).toBe('Debian 13 (trixie)')
    expect(sources.map(({ path, words }) => [path, words])).toEqual([['/etc/apt/sources.list', [{ at: 13, from: 'bookworm', to: 'trixie' }]]])
    expect(checks[0]?.detail).toBe('Debian 12 (bookworm) runs, and Debian 13 (trixie) is the next')
  })

  it('changes nothing in sources that name the next release already', () => {
    expect(planRelease(facts({ sources: [{ path: '/etc/apt/sources.list', text: 'deb http://a trixie main\n' }] }), 'trixie').sources).toEqual([])
  })

  it.each([
    ['the one that runs', 'bookworm', {}, 'release/same', 'belay upgrade   (brings it up to date)'],
    ['an older one', 'bullseye', {}, 'release/older', 'belay rollback ID   (to a generation that was taken when it ran)'],
    ['one behind the next', 'trixie', { osRelease: { id: 'debian', codename: 'bullseye' } }, 'release/skips', 'belay upgrade --release bookworm'],
    [
      'another distribution’s',
      'trixie',
      { osRelease: { id: 'ubuntu', codename: 'noble' } },
      'release/not-debian',
      'use the release upgrade of that distribution',
    ],
    ['one from testing', 'trixie', { osRelease: { id: 'debian', codename: null } }, 'release/unknown', expect.stringContaining('belay upgrade belay')],
    ['one while packages are on hold', 'trixie', { held: ['docker.io', 'nginx'] }, 'packages/held', 'apt-mark unhold docker.io nginx'],
    [
      'one that no source names',
      'trixie',
      { sources: [{ path: '/etc/apt/sources.list', text: 'deb http://a ./\n# bookworm trixie\n' }] },
      'release/no-sources',
      expect.stringContaining('/etc/apt/sources.list'),
    ],
  ])('is refused to %s, with what to do', (_, wanted, more, code, next) => {
    const refusal = refusalOf(() => planRelease(facts(more), wanted))
    expect(refusal).toMatchObject({ code, exitCode: 10 })
    expect(refusal.next).toContainEqual(next)
  })

  it.each(['forky', 'sid', '13', ''])('knows no release %j', (wanted) => {
    expect(() => planRelease(facts(), wanted)).toThrow(UsageError)
  })
})

describe('what apt would do', () => {
  const release = planRelease(facts(), 'trixie')
  const refused = (...changes: PackageChange[]) =>
    refusalOf(() => {
      refuseSimulation(simulation(...changes), release, facts(), ['acme-*'])
    })

  it('is fine when the release comes, and libraries take the place of others', () => {
    const changes = [baseFiles, change('libssl3', '3.0', null), change('libssl3t64', null, '3.5'), change('dpkg', '1.21', '1.22')]
    expect(() => {
      refuseSimulation(simulation(...changes), release, facts(), ['acme-*'])
    }).not.toThrow()
    expect(removalNotice(simulation(...changes, change('acl', '1', null)))).toEqual(['removed: acl, libssl3'])
    expect(removalNotice(simulation(baseFiles))).toEqual([])
  })

  it.each([
    ['an essential package', 'dpkg'],
    ['what policy calls important', 'acme-gateway'],
    ['belay itself', 'belay'],
  ])('is refused when it removes %s', (_, name) => {
    expect(refused(baseFiles, change(name, '1', null), change('acl', '1', null))).toMatchObject({
      code: 'release/removes',
      message: `Debian 13 (trixie) would remove what this machine needs: ${name}`,
    })
  })

  it('is refused when it does not bring the release', () => {
    expect(refused(change('acl', '1', '2'))).toMatchObject({ code: 'release/not-offered' })
    expect(refused({ ...baseFiles, to: '12.4+deb12u16' }).message).toContain('base-files becomes 12.4+deb12u16')
  })
})
