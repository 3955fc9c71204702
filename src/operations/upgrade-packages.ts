import { BelayError, FailedError } from '../errors.ts'
import type { PackageRun, Simulation } from '../pkg/packages.ts'
import { parseDataFormat } from '../pkg/data-format.ts'
import { planConfirm } from '../snap/plan/confirm.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { type PlanContext, type PlanningState, basisOf, runningBe } from '../snap/plan/state.ts'
import { planUpgrade, refuseUpgrade } from '../snap/plan/upgrade.ts'
import type { Appliance } from './appliance.ts'
import { planContext, readPlanningState } from './read-planning-state.ts'
import { locked, refuseUnreadablePolicy } from './hold-lock.ts'
import { type Conversation, type OperationResult, executorFor, recoverInterrupted } from './run-operation.ts'

export interface UpgradeOptions {
  /** Empty: everything that can be upgraded. */
  readonly packages: readonly string[]
  readonly withData: boolean
  /** Fetch the archives' lists first. */
  readonly refresh: boolean
}

interface Wanted {
  readonly simulation: Simulation
  readonly runs: readonly PackageRun[]
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

const want = async (appliance: Appliance, options: UpgradeOptions): Promise<Wanted> => {
  const simulation = await appliance.packages.simulate(options.packages)
  return { simulation, runs: simulation.changes.length === 0 ? [] : await appliance.packages.order(simulation) }
}

const planWith = async (appliance: Appliance, options: UpgradeOptions, wanted: Wanted, newDataFormat: string | null): Promise<Plan> => {
  const state = await readPlanningState(appliance)
  const context = planContext(appliance)
  if (wanted.runs.length === 0) return nothingToDo(state, context, wanted.simulation)
  const { bootSet } = runningBe(state)
  return planUpgrade(
    state,
    {
      ...wanted,
      dpkg: await appliance.packages.state(),
      space: {
        pool: (await appliance.driver.space()).free,
        grubPartition: (await appliance.boot.space()).free,
        bootSet: bootSet === null ? 0 : bootSet.initrd.bytes + bootSet.vmlinuz.bytes,
      },
      withData: options.withData,
      atomic: appliance.driver.atomicSets,
      newDataFormat,
      owner: { pid: appliance.actor.pid, startTime: appliance.actor.startTime },
      bootId: appliance.bootId,
    },
    context,
  )
}

/** The data format that the application will write, read from the package that is about to be installed. */
const readNewDataFormat = async (appliance: Appliance, runs: readonly PackageRun[]): Promise<string | null> => {
  const path = appliance.policy.packages.dataFormat
  if (path === null) return null
  const text = await appliance.packages.fileAfter(runs, path)
  return text === null ? null : parseDataFormat(text, path)
}

/** Fetch every archive while the plan is still open: what the new packages hold decides what joins the restore point. */
const downloadFirst = async (appliance: Appliance, plan: Plan, runs: readonly PackageRun[], conversation: Conversation): Promise<void> => {
  const step = plan.steps.find((candidate) => candidate.kind === 'packages.download')
  if (step === undefined) return
  conversation.onEvent({ event: 'step-begun', step }, plan)
  await appliance.packages.download(runs, {
    onProgress: (fraction, text) => {
      conversation.onEvent({ event: 'progress', step, fraction, text }, plan)
    },
    signal: conversation.signal,
  })
}

/** Whether the machine must boot before it runs what was installed: another kernel or initrd, or a package says so. */
const needsReboot = async (appliance: Appliance, before: PlanningState): Promise<boolean> => {
  if (!appliance.target.live) return true
  const was = runningBe(before).bootSet
  const is = (await appliance.index.read()).bootEnvironments.find((be) => be.name === before.running)?.bootSet ?? null
  return was?.initrd.sha256 !== is?.initrd.sha256 || was?.vmlinuz.sha256 !== is?.vmlinuz.sha256 || (await appliance.packages.rebootRequired())
}

/** After a failure that only a boot undoes, policy may want that boot at once. */
const rebootIfPolicySays =
  (appliance: Appliance) =>
  async (error: unknown): Promise<never> => {
    if (appliance.policy.upgrade.onFailure === 'reboot' && appliance.target.live && error instanceof FailedError && error.data['rebootRequired'] === true)
      await appliance.power.reboot()
    throw error
  }

/** `belay upgrade`: upgrade behind a restore point. Where nothing asks for a reboot, the result is confirmed at once. */
export const upgradePackages = async (appliance: Appliance, options: UpgradeOptions, conversation: Conversation): Promise<OperationResult> => {
  if (conversation.planOnly) {
    refuseUnreadablePolicy(appliance)
    refuseUpgrade(await readPlanningState(appliance), await appliance.packages.state())
    const plan = await planWith(appliance, options, await want(appliance, options), null)
    const asOf = 'planned from the package lists of the last apt-get update; without --plan they are fetched first'
    return { plan: { ...plan, notices: [...plan.notices, asOf] }, executed: false, results: new Map(), recovered: [] }
  }
  return locked(appliance, 'upgrade', async () => {
    // The log is opened here: belay may be replaced on disk once apt has begun.
    appliance.log.info('an upgrade begins', { packages: options.packages })
    const recovered = await recoverInterrupted(appliance, conversation)
    const before = await readPlanningState(appliance)
    refuseUpgrade(before, await appliance.packages.state())
    if (options.refresh) await appliance.packages.refresh({ onProgress: () => undefined, signal: conversation.signal })
    const wanted = await want(appliance, options)
    const provisional = await planWith(appliance, options, wanted, null)
    if (provisional.steps.length === 0) return { plan: provisional, executed: false, results: new Map<string, unknown>(), recovered }
    await conversation.approve(provisional)
    await downloadFirst(appliance, provisional, wanted.runs, conversation)
    const plan = await planWith(appliance, options, wanted, await readNewDataFormat(appliance, wanted.runs))
    const execution = await executorFor(appliance, conversation).execute(plan).catch(rebootIfPolicySays(appliance))
    const notConfirmed = (await needsReboot(appliance, before)) ? [] : await confirmAtOnce(appliance, conversation)
    return { plan: { ...plan, notices: [...plan.notices, ...notConfirmed] }, executed: true, results: execution.results, recovered }
  })
}

/** Confirm a result that needs no reboot. When that fails the upgrade is done all the same, and stays on trial. @returns what to tell. */
const confirmAtOnce = async (appliance: Appliance, conversation: Conversation): Promise<string[]> => {
  try {
    const confirm = planConfirm(await readPlanningState(appliance), { atomic: appliance.driver.atomicSets }, planContext(appliance))
    await executorFor(appliance, { ...conversation, onEvent: () => undefined }).execute(confirm)
    return []
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return [`the upgrade is done and on trial, but could not be confirmed: ${error.message} (belay confirm)`]
  }
}
