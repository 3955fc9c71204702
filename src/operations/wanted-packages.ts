import type { PackageRun, Packages, PackageWork, Simulation } from '../pkg/packages.ts'
import { type ReleaseChange, planRelease, refuseSimulation } from '../pkg/release/plan-release.ts'
import type { Appliance } from './appliance.ts'

/** What an upgrade is to do. */
export interface Wanted {
  readonly simulation: Simulation
  readonly runs: readonly PackageRun[]
  /** The next release of Debian, when it is wanted. */
  readonly release: ReleaseChange | null
  /** With the sources that the upgrade installs from. */
  readonly packages: Packages
  /** Called once the upgrade is agreed on and before anything is downloaded. */
  readonly agreed: () => Promise<void>
}

const simulated = async (packages: Packages, requested: readonly string[]): Promise<Pick<Wanted, 'simulation' | 'runs'>> => {
  const simulation = await packages.simulate(requested)
  return { simulation, runs: simulation.changes.length === 0 ? [] : await packages.order(simulation) }
}

/** Packages of the release that runs. */
export const wantPackages = async (packages: Packages, requested: readonly string[]): Promise<Wanted> => ({
  ...(await simulated(packages, requested)),
  release: null,
  packages,
  agreed: () => Promise.resolve(),
})

/**
 * The next release, by its codename. Its lists are fetched beside those in use; whatever `use` does with them, nothing of that is left afterwards.
 * @throws UsageError, RefusedError or FailedError before anything is changed
 */
export const withRelease = async <Result>(
  appliance: Appliance,
  codename: string,
  work: PackageWork,
  use: (wanted: Wanted) => Promise<Result>,
): Promise<Result> => {
  const facts = await appliance.packages.releaseFacts()
  const release = planRelease(facts, codename)
  const { pid, startTime } = appliance.actor
  const staged = await appliance.packages.stageSources(release.sources, { pid, startTime, isAlive: appliance.isAlive })
  try {
    await staged.refresh(work)
    const wanted = await simulated(staged, [])
    refuseSimulation(wanted.simulation, release, facts, appliance.policy.packages.important)
    return await use({ ...wanted, release, packages: staged, agreed: () => staged.keepLists() })
  } finally {
    await staged.discard()
  }
}
