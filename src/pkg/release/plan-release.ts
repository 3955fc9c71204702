import { RefusedError } from '../../errors.ts'
import { matchesPackageGlob } from '../package-glob.ts'
import type { ReleaseFacts, Simulation } from '../packages.ts'
import { type DebianRelease, findRelease, releaseName, releaseStep } from './debian-releases.ts'
import { moveSources } from './move-sources.ts'
import type { SourceFileChange } from './source-change.ts'

/** A release upgrade as far as it is known before the new lists are fetched. */
export interface ReleaseChange {
  readonly to: DebianRelease
  /** `Debian 13 (trixie)`. */
  readonly name: string
  readonly sources: readonly SourceFileChange[]
  readonly checks: readonly { readonly name: string; readonly detail: string }[]
  readonly notices: readonly string[]
}

/**
 * What a release upgrade changes in apt's sources.
 * @throws UsageError for a name that is no release, RefusedError when it cannot follow the one that runs or packages are on hold, InvalidFileError for sources
 * that cannot be read
 */
export const planRelease = (facts: ReleaseFacts, wanted: string): ReleaseChange => {
  const { from, to } = releaseStep(facts.osRelease, findRelease(wanted))
  const { changes, notices, reachesNew } = moveSources(facts.sources, from.codename, to.codename)
  if (!reachesNew) {
    throw new RefusedError('release/no-sources', `no source of apt names ${from.codename} or ${to.codename}: there is nothing to upgrade from`, {
      next: [`name an archive with ${from.codename} in /etc/apt/sources.list, and try again`],
      data: { sources: facts.sources.map(({ path }) => path) },
    })
  }
  if (facts.held.length > 0) {
    throw new RefusedError('packages/held', `packages are on hold and would keep the release from being upgraded: ${facts.held.join(', ')}`, {
      next: [`apt-mark unhold ${facts.held.join(' ')}`],
      data: { held: facts.held },
    })
  }
  return {
    to,
    name: releaseName(to),
    sources: changes,
    checks: [
      { name: 'release', detail: `${releaseName(from)} runs, and ${releaseName(to)} is the next` },
      { name: 'holds', detail: 'no package is on hold' },
    ],
    notices,
  }
}

/** What a release upgrade must not remove: without it the machine, its application or its way back would be gone. */
const isNeeded = (name: string, facts: ReleaseFacts, important: readonly string[]): boolean =>
  name === 'belay' || facts.essential.includes(name) || matchesPackageGlob(name, important)

/**
 * What apt would do against what a release upgrade has to do.
 * @param important package patterns of policy
 * @throws RefusedError when what makes the release would not come, or what is needed would go
 */
export const refuseSimulation = ({ changes, keptBack }: Simulation, { to, name }: ReleaseChange, facts: ReleaseFacts, important: readonly string[]): void => {
  const arriving = changes.find((change) => change.name === 'base-files')?.to ?? null
  if (arriving === null || Number.parseInt(arriving, 10) !== to.version) {
    throw new RefusedError(
      'release/not-offered',
      `apt would not make this ${name}: ${arriving === null ? 'base-files stays as it is' : `base-files becomes ${arriving}`}`,
      {
        next: [`look whether /etc/apt/preferences.d holds packages back from ${to.codename}`, `belay upgrade --release ${to.codename} --plan`],
        data: { keptBack },
      },
    )
  }
  const going = new Set(changes.filter((change) => change.to === null).map((change) => change.name))
  for (const change of changes) if (change.to !== null) going.delete(change.name)
  const needed = [...going].filter((candidate) => isNeeded(candidate, facts, important))
  if (needed.length === 0) return
  throw new RefusedError('release/removes', `${name} would remove what this machine needs: ${needed.join(', ')}`, {
    next: [
      `add an archive that has ${needed.join(', ')} for ${to.codename} to /etc/apt/sources.list.d`,
      `apt-get remove ${needed.join(' ')}   # when it is needed no more; then try again`,
    ],
    data: { removed: needed },
  })
}

/** For people: the packages that go. */
export const removalNotice = ({ changes }: Simulation): string[] => {
  const removed = changes.filter((change) => change.to === null).map((change) => change.name)
  return removed.length === 0 ? [] : [`removed: ${removed.toSorted().join(', ')}`]
}
