import { RefusedError, UsageError } from '../../errors.ts'

export interface DebianRelease {
  readonly codename: string
  readonly version: number
}

/** The stable releases in their order (https://www.debian.org/releases/, and debian.csv of distro-info-data). */
const RELEASES: readonly DebianRelease[] = [
  { codename: 'buster', version: 10 },
  { codename: 'bullseye', version: 11 },
  { codename: 'bookworm', version: 12 },
  { codename: 'trixie', version: 13 },
]

/** What os-release(5) says: ID and VERSION_CODENAME; null for what it does not say. */
export interface OsRelease {
  readonly id: string | null
  readonly codename: string | null
}

export const parseOsRelease = (text: string): OsRelease => {
  const valueOf = (name: string): string | null => new RegExp(`^${name}=(["']?)(.+)\\1$`, 'm').exec(text)?.[2] ?? null
  return { id: valueOf('ID'), codename: valueOf('VERSION_CODENAME') }
}

export const releaseName = ({ codename, version }: DebianRelease): string => `Debian ${String(version)} (${codename})`

/** @throws UsageError for a name that is no stable release. */
export const findRelease = (codename: string): DebianRelease => {
  const release = RELEASES.find((candidate) => candidate.codename === codename)
  if (release !== undefined) return release
  throw new UsageError(`${JSON.stringify(codename)} is no stable release of Debian that this belay knows`, {
    next: [`name one of ${RELEASES.map((known) => known.codename).join(', ')}`, 'belay upgrade belay   (a newer belay knows newer releases)'],
    data: { release: codename },
  })
}

export interface ReleaseStep {
  readonly from: DebianRelease
  readonly to: DebianRelease
}

/**
 * From the release that runs to the wanted one, which has to be the next: Debian's packages support an upgrade from one release to the next alone
 * (release notes, "Upgrade to Debian 12 (bookworm)").
 * @throws RefusedError saying what to do instead
 */
export const releaseStep = ({ id, codename }: OsRelease, to: DebianRelease): ReleaseStep => {
  if (id !== 'debian') {
    throw new RefusedError('release/not-debian', `this is no Debian, but ${id ?? 'a system without a name'} (/usr/lib/os-release)`, {
      next: ['use the release upgrade of that distribution'],
      data: { id },
    })
  }
  const at = RELEASES.findIndex((release) => release.codename === codename)
  const from = RELEASES[at]
  if (from === undefined) {
    throw new RefusedError('release/unknown', `belay does not know the release that runs: ${codename ?? 'testing or unstable'} (/usr/lib/os-release)`, {
      next: ['belay upgrade belay   (a newer belay knows newer releases)'],
      data: { codename },
    })
  }
  const facts = { data: { running: from.codename, wanted: to.codename } }
  if (from === to) throw new RefusedError('release/same', `${releaseName(to)} runs already`, { next: ['belay upgrade   (brings it up to date)'], ...facts })
  if (to.version < from.version) {
    throw new RefusedError('release/older', `${releaseName(from)} runs, and packages cannot be taken back to ${releaseName(to)}`, {
      next: ['belay list', 'belay rollback ID   (to a generation that was taken when it ran)'],
      ...facts,
    })
  }
  const next = RELEASES[at + 1] ?? to
  if (next !== to) {
    throw new RefusedError('release/skips', `${releaseName(from)} runs, and only the next release can follow it: ${releaseName(next)}`, {
      next: [`belay upgrade --release ${next.codename}`],
      ...facts,
    })
  }
  return { from, to }
}
