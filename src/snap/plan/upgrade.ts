import { RefusedError } from '../../errors.ts'
import { canRead } from '../../pkg/data-format.ts'
import type { DpkgState, PackageRun, Simulation } from '../../pkg/packages.ts'
import { type ReleaseChange, removalNotice } from '../../pkg/release/plan-release.ts'
import { escapeTo, takeAndArm, trialSteps } from './armed-upgrade.ts'
import { checkConfirmed } from './confirmed.ts'
import type { Check, Plan } from './plan.ts'
import { type Quiesce, quiesceNotices } from './quiesce.ts'
import { type PlanContext, type PlanningState, basisOf, runningBe } from './state.ts'
import type { Step } from './step.ts'
import { type UpgradeSpace, checkUpgradeSpace } from './upgrade-space.ts'
import { upgradeTitle } from './upgrade-title.ts'

export interface UpgradeRequest {
  readonly simulation: Simulation
  readonly runs: readonly PackageRun[]
  /** The next release of Debian, when it is wanted. */
  readonly release: ReleaseChange | null
  readonly dpkg: DpkgState
  readonly space: UpgradeSpace
  readonly withData: boolean
  /** Units to stop while the restore point is taken; null where that was not asked for. */
  readonly quiesce: Quiesce | null
  readonly atomic: boolean
  /** The data format that the upgraded application will write; null when its package ships none. */
  readonly newDataFormat: string | null
  readonly owner: { readonly pid: number; readonly startTime: string }
  /** The boot of the machine, as the kernel names it; null where the machine does not run. */
  readonly bootId: string | null
}

/** dpkg unpacks beside the old files before it renames: an upgraded package needs its size a second time. */
const UNPACK_FACTOR = 2

const checkSpace = ({ simulation, space }: UpgradeRequest, context: PlanContext): readonly Check[] => {
  const { changes, downloadBytes, diskBytes, unpackedBytes } = simulation
  // The restore point keeps what is replaced: all that is unpacked needs room, however little the root grows.
  const bytes = downloadBytes + Math.max(diskBytes * UNPACK_FACTOR, unpackedBytes, 0)
  return checkUpgradeSpace(space, { who: 'the upgrade', bytes, packages: changes.map(({ name }) => name) }, context)
}

const checkPackages = (dpkg: DpkgState): Check => {
  const first = dpkg.problems[0]
  if (first !== undefined) {
    throw new RefusedError(`packages/${first.code}`, dpkg.problems.map((problem) => problem.text).join('; '), {
      next: [...new Set(dpkg.problems.map((problem) => problem.remedy))],
      data: { problems: dpkg.problems },
    })
  }
  return { name: 'packages', detail: 'dpkg has nothing interrupted or broken' }
}

/** The checks that need no simulation, for refusing before apt is asked anything. @throws RefusedError */
export const refuseUpgrade = (state: PlanningState, dpkg: DpkgState): void => {
  checkConfirmed(state, 'upgrade')
  checkPackages(dpkg)
}

/**
 * Upgrade behind a restore point: take and arm it, let apt work, verify, and put the result on trial. From the first dpkg run on, undo means
 * booting the standby, which is what GRUB starts from the moment it is armed.
 */
export const planUpgrade = (state: PlanningState, request: UpgradeRequest, context: PlanContext): Plan => {
  const checks = [checkConfirmed(state, 'upgrade'), checkPackages(request.dpkg), ...(request.release?.checks ?? []), ...checkSpace(request, context)]
  const running = runningBe(state)
  const { release } = request
  const title = release?.name ?? upgradeTitle(request.simulation.changes)
  const raises = raisesDataFormat(state, request)
  const { session, steps: arming } = takeAndArm(
    state,
    {
      operation: 'upgrade',
      text: `before upgrade to ${title}`,
      withData: request.withData || raises,
      health: 'confirmed',
      quiesce: request.quiesce,
      atomic: request.atomic,
      owner: request.owner,
      bootId: request.bootId,
    },
    context,
  )
  const { generation, fallback: standby } = session
  const applySteps = request.runs.map((run, position): Step => ({
    id: `apply-${String(position + 1)}`,
    kind: 'packages.apply',
    run,
    conffiles: context.policy.packages.conffiles,
    why: `${run.label}: ${run.packages
      .map((change) => change.name)
      .slice(0, 6)
      .join(', ')}${run.packages.length > 6 ? ', …' : ''}`,
  }))
  const firstApply = applySteps[0]
  if (firstApply === undefined) throw new Error('an upgrade has something to apply')
  return {
    format: 1,
    id: context.planId,
    operation: 'upgrade',
    madeAt: context.now,
    summary: `${running.name} is upgraded to ${title}; generation ${String(generation)} and its ${standby} lead back`,
    basis: basisOf(state),
    checks,
    notices: [
      ...(raises
        ? [`the application’s data format rises to ${request.newDataFormat ?? 'none'}: data joins the restore point, and ${standby} gets a copy of its own`]
        : []),
      ...(request.quiesce === null ? [] : quiesceNotices(request.quiesce)),
      ...(release === null ? [] : [...release.notices, ...removalNotice(request.simulation)]),
      ...(request.simulation.keptBack.length > 0 ? [`kept back by apt: ${request.simulation.keptBack.join(', ')}`] : []),
    ],
    steps: [
      { id: 'download', kind: 'packages.download', runs: request.runs, why: 'download every package before anything is changed' },
      {
        id: 'decide',
        kind: 'packages.decide',
        runs: request.runs,
        generation,
        why: 'answer configuration questions by policy, keep the new defaults aside',
      },
      ...arming.map((step): Step => (step.kind === 'generation.describe' ? { ...step, decided: { step: 'decide' } } : step)),
      ...sourcesStep(release),
      { id: 'preseed', kind: 'packages.preseed', decided: { step: 'decide' }, why: 'give debconf the answers that policy has' },
      ...applySteps,
      ...trialSteps(state, running, session, `belay upgrade to ${title}`, context),
    ],
    commit: 'switch',
    escape: escapeTo(firstApply.id, session, 'belay upgrade failed; the next boot starts the untouched version'),
  }
}

/** After the restore point, which keeps the sources of before. */
const sourcesStep = (release: ReleaseChange | null): Step[] =>
  release === null || release.sources.length === 0
    ? []
    : [
        {
          id: 'sources',
          kind: 'packages.sources',
          changes: release.sources,
          why: `let apt’s sources name ${release.to.codename}: ${release.sources.map(({ path }) => path).join(', ')}`,
        },
      ]

/** Whether the present version could not read the data that the upgraded application will write. */
const raisesDataFormat = (state: PlanningState, request: UpgradeRequest): boolean => {
  const running = runningBe(state)
  const usesData = running.data.some((use) => state.index.data.some((data) => data.name === use.data && data.role === 'data'))
  return usesData && !canRead(running.dataFormat, request.newDataFormat)
}
