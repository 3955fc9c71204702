import { FailedError, UsageError } from '../errors.ts'
import type { Simulation } from '../pkg/packages.ts'
import { parseDataFormat } from '../pkg/data-format.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { type PlanContext, type PlanningState, basisOf, runningBe } from '../snap/plan/state.ts'
import { planUpgrade, refuseUpgrade } from '../snap/plan/upgrade.ts'
import type { Appliance } from './appliance.ts'
import { confirmAtOnce } from './confirm-at-once.ts'
import { executorFor } from './executor-for.ts'
import { findUnitsToStop } from './find-units-to-stop.ts'
import { planContext, readPlanningState } from './read-planning-state.ts'
import { readUpgradeSpace } from './read-upgrade-space.ts'
import { locked, refuseUnreadablePolicy } from './hold-lock.ts'
import { type Conversation, type OperationResult, recoverInterrupted, refuseReadOnly } from './run-operation.ts'
import { type Wanted, wantPackages, withRelease } from './wanted-packages.ts'

export interface UpgradeOptions {
  /** Empty: everything that can be upgraded. */
  readonly packages: readonly string[]
  /** Codename of the release that is to follow the one that runs; null to stay with that one. */
  readonly release: string | null
  readonly withData: boolean
  /** Stop the units that policy names while the restore point is taken. */
  readonly quiesce: boolean
  /** Fetch the archives' lists first. */
  readonly refresh: boolean
}

const nothingToDo = (state: PlanningState, context: PlanContext, simulation: Simulation): Plan => ({
  format: 1,
  id: context.planId,
  operation: 'upgrade',
  madeAt: context.now,
  summary: 'every package is as new as the archives offer',
  basis: basisOf(state),
  checks: [],
  notices: [
    'every package is as new as the archives offer',
    ...(simulation.keptBack.length > 0 ? [`kept back by apt: ${simulation.keptBack.join(', ')}`] : []),
  ],
  steps: [],
  commit: null,
  escape: null,
})

const planWith = async (appliance: Appliance, options: UpgradeOptions, wanted: Wanted, newDataFormat: string | null): Promise<Plan> => {
  const quiesce = options.quiesce ? await findUnitsToStop(appliance) : null
  const state = await readPlanningState(appliance)
  const context = planContext(appliance)
  if (wanted.runs.length === 0) return nothingToDo(state, context, wanted.simulation)
  const { simulation, runs, release } = wanted
  return planUpgrade(
    state,
    {
      simulation,
      runs,
      release,
      dpkg: await appliance.packages.state(),
      space: await readUpgradeSpace(appliance, runningBe(state), simulation.changes),
      withData: options.withData,
      quiesce,
      atomic: appliance.driver.atomicSets,
      newDataFormat,
      owner: { pid: appliance.actor.pid, startTime: appliance.actor.startTime },
      bootId: appliance.bootId,
    },
    context,
  )
}

/** The data format that the application will write, read from the package that is about to be installed. */
const readNewDataFormat = async (appliance: Appliance, { packages, runs }: Wanted): Promise<string | null> => {
  const path = appliance.policy.packages.dataFormat
  if (path === null) return null
  const text = await packages.fileAfter(runs, path)
  return text === null ? null : parseDataFormat(text, path)
}

/** Fetch every archive while the plan is still open: what the new packages hold decides what joins the restore point. */
const downloadFirst = async (plan: Plan, { packages, runs }: Wanted, conversation: Conversation): Promise<void> => {
  const step = plan.steps.find((candidate) => candidate.kind === 'packages.download')
  if (step === undefined) return
  conversation.onEvent({ event: 'step-begun', step }, plan)
  await packages.download(runs, {
    onProgress: (fraction, text) => {
      conversation.onEvent({ event: 'progress', step, fraction, text }, plan)
    },
    signal: conversation.signal,
  })
}

/** After a failure that only a boot undoes, policy may want that boot at once. */
const rebootIfPolicySays =
  (appliance: Appliance) =>
  async (error: unknown): Promise<never> => {
    if (appliance.policy.upgrade.onFailure === 'reboot' && appliance.target.live && error instanceof FailedError && error.data['rebootRequired'] === true)
      await appliance.power.reboot()
    throw error
  }

/** What to upgrade to, given to `use`; lists that are fetched for a release are there only as long. */
const wanting = async <Result>(
  appliance: Appliance,
  { packages, release }: UpgradeOptions,
  { signal }: Conversation,
  use: (wanted: Wanted) => Promise<Result>,
): Promise<Result> =>
  release === null ? use(await wantPackages(appliance.packages, packages)) : withRelease(appliance, release, { onProgress: () => undefined, signal }, use)

const refuseUsage = ({ packages, release, refresh }: UpgradeOptions): void => {
  if (release === null) return
  if (packages.length > 0) throw new UsageError('a release is upgraded as a whole', { next: [`belay upgrade --release ${release}`] })
  if (!refresh) throw new UsageError('a release upgrade needs the lists of that release', { next: ['leave --no-refresh out'] })
}

/** The plan alone. Nothing is locked or changed. */
const planOnly = async (appliance: Appliance, options: UpgradeOptions, conversation: Conversation): Promise<OperationResult> => {
  refuseUnreadablePolicy(appliance)
  refuseUpgrade(await readPlanningState(appliance), await appliance.packages.state())
  return wanting(appliance, options, conversation, async (wanted) => {
    const plan = await planWith(appliance, options, wanted, null)
    const asOf =
      options.release === null
        ? 'planned from the package lists of the last apt-get update; without --plan they are fetched first'
        : `planned from the package lists of ${options.release} as they are now, which were fetched for that alone`
    return { plan: { ...plan, notices: [...plan.notices, asOf] }, executed: false, results: new Map(), recovered: [] }
  })
}

/** `belay upgrade`: upgrade behind a restore point. Where nothing asks for a reboot, the result is confirmed at once. */
export const upgradePackages = async (appliance: Appliance, options: UpgradeOptions, conversation: Conversation): Promise<OperationResult> => {
  refuseUsage(options)
  if (conversation.planOnly) return planOnly(appliance, options, conversation)
  return locked(appliance, 'upgrade', async () => {
    // The log is opened here: belay may be replaced on disk once apt has begun.
    appliance.log.info('an upgrade begins', { packages: options.packages, release: options.release })
    const recovered = await recoverInterrupted(appliance, conversation)
    const before = await readPlanningState(appliance)
    refuseUpgrade(before, await appliance.packages.state())
    await refuseReadOnly(appliance)
    if (options.refresh && options.release === null) await appliance.packages.refresh({ onProgress: () => undefined, signal: conversation.signal })
    return wanting(appliance, options, conversation, async (wanted) => {
      const provisional = await planWith(appliance, options, wanted, null)
      if (provisional.steps.length === 0) return { plan: provisional, executed: false, results: new Map<string, unknown>(), recovered }
      await conversation.approve(provisional)
      await wanted.agreed()
      await downloadFirst(provisional, wanted, conversation)
      const plan = await planWith(appliance, options, wanted, await readNewDataFormat(appliance, wanted))
      const { results } = await executorFor({ ...appliance, packages: wanted.packages }, conversation)
        .execute(plan)
        .catch(rebootIfPolicySays(appliance))
      const confirmed = await confirmAtOnce(appliance, runningBe(before).bootSet, executorFor(appliance, { ...conversation, onEvent: () => undefined }))
      return { plan: { ...plan, notices: [...plan.notices, ...confirmed] }, executed: true, results, recovered }
    })
  })
}
