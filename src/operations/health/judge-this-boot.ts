import { BelayError, FailedError, LockedError } from '../../errors.ts'
import type { BootChoice } from '../../boot/boot-choice.ts'
import type { BootHealth, HealthFault, Index } from '../../snap/model.ts'
import { type JudgedBoot, type Verdict, isForgiven, judgeBoot } from '../../snap/plan/judge-boot.ts'
import { planFallBack, planNextTrialBoot, planOrderlyEnd } from '../../snap/plan/trial-boot.ts'
import { attemptsOf, healthyInARow, learnFaults } from '../../snap/plan/trial-health.ts'
import type { Appliance } from '../appliance.ts'
import { confirmVersion } from '../confirm-version.ts'
import { type RunningFacts, explainRunning } from '../explain-running.ts'
import { holdLock } from '../hold-lock.ts'
import { readIndexIfReadable, readRunning, readRunningByPlace } from '../read-planning-state.ts'
import { type Conversation, runOperation } from '../run-operation.ts'
import { BOOT_COMPLETE, checkUnits, unitsOf } from './check-health.ts'
import { tellOfSickness } from './journal-messages.ts'

interface ThisBoot {
  readonly index: Index | null
  readonly choice: BootChoice | null
  readonly facts: RunningFacts
  readonly judged: Omit<JudgedBoot, 'healthy'>
  /** Whether this very boot was judged already. */
  readonly counted: boolean
}

const readThisBoot = async (appliance: Appliance): Promise<ThisBoot> => {
  const index = await readIndexIfReadable(appliance)
  const { choice } = await appliance.boot.readChoice()
  const running = index === null ? await readRunningByPlace(appliance) : await readRunning(appliance, index)
  const facts = explainRunning({ index, choice, running, bootId: appliance.bootId })
  const last = index?.trialHealth ?? null
  const health = last !== null && last.be === running ? last : null
  const counted = health !== null && health.bootId === appliance.bootId
  const attemptsLeft = choice?.attemptsLeft ?? 0
  const boots = health === null ? 0 : healthyInARow(health, attemptsLeft, appliance.policy)
  return {
    index,
    choice,
    facts,
    counted,
    judged: {
      onTrial: facts.why === 'trial' && choice?.good !== running,
      rolledBack: facts.why === 'rolled-back' && choice?.good === running,
      attemptsLeft,
      givenUp: health !== null && (health.faults.length > 0 || health.fellBack === true) && !counted,
      healthyBoots: counted ? Math.max(0, boots - 1) : boots,
      wanted: appliance.policy.trial.healthyBoots,
    },
  }
}

/** A check that is stopped by a shutdown says nothing of the machine. @throws FailedError once this process was told to end */
const refuseInterrupted = ({ signal }: Pick<Conversation, 'signal'>): void => {
  if (signal.aborted) throw new FailedError('interrupted', 'the check of this boot’s health was interrupted', { rebootRequired: false })
}

const useUpAttempts = async ({ boot }: Appliance, trial: string | null): Promise<void> => {
  const { choice } = await boot.readChoice()
  if (choice !== null && choice.trial === trial) await boot.writeChoice({ ...choice, attemptsLeft: 0, once: null })
}

/** Use up the attempts of the trial and record why; where the records cannot be written the boot choice alone is. @throws LockedError */
const fallBack = async (appliance: Appliance, { choice }: ThisBoot, faults: readonly HealthFault[], conversation: Conversation): Promise<void> => {
  try {
    await runOperation(appliance, 'fall-back', (state, context) => planFallBack(state, { bootId: appliance.bootId, faults }, context), conversation, {
      usesReserve: true,
    })
  } catch (error) {
    if (!(error instanceof BelayError) || error instanceof LockedError || conversation.signal.aborted) throw error
    appliance.log.warn('the failure of the trial could not be recorded', { error: error.message })
    const write = (): Promise<void> => useUpAttempts(appliance, choice?.trial ?? null)
    // With the index its whole volume may be gone, and the lock with it.
    await ((await appliance.driver.stateDirectory()) === null ? write() : holdLock(appliance, { operation: 'fall-back' }, write))
  }
}

/** What is known of a boot that is no trial, for `status`, the login message, and the next trial. */
const report = async (appliance: Appliance, { facts }: ThisBoot, faults: readonly HealthFault[]): Promise<void> => {
  const { running, why } = facts
  if (running === null) return
  const isSick = faults.length > 0
  const confirmed = why === 'confirmed' || why === 'fallback-from-trial' || why === 'fallback-from-upgrade'
  const failed = why === 'confirmed' ? await unitsOf(appliance).failed() : null
  const at = appliance.clock.now().toISOString()
  await holdLock(appliance, { operation: 'health', brief: true }, async () => {
    const index = await appliance.index.read()
    const before = index.bootHealth ?? null
    const to: BootHealth | null = isSick ? { be: running.be, at, bootId: appliance.bootId, faults: [...faults] } : null
    await appliance.index.change([
      ...(before === null && to === null ? [] : [{ change: 'boot-health', bootHealth: { from: before, to } } as const]),
      ...(failed === null ? [] : [learnFaults(index, failed)]),
    ])
  }).catch((error: unknown) => {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('the health of this boot could not be recorded', { error: error.message })
  })
  if (isSick && confirmed) await tellOfSickness(appliance, running.be, faults)
}

/** Nobody closes the upgrade of a version that was rolled back from, and apt waits for that. What runs is good in any case: what cannot be confirmed is left. */
const closeRolledBack = async (appliance: Appliance, conversation: Conversation): Promise<void> => {
  try {
    await confirmVersion(appliance, conversation, { byGate: true })
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('what was rolled back to could not be confirmed', { error: error.message })
  }
}

/**
 * The gate's verdict on this boot: a sick trial is made to end, and whatever is no trial is only told of. What is healthy waits for the rest of the boot, and is
 * counted by `passGate`.
 */
export const judgeThisBoot = async (appliance: Appliance, faults: readonly HealthFault[], conversation: Conversation): Promise<Verdict> => {
  const boot = await readThisBoot(appliance)
  refuseInterrupted(conversation)
  const verdict = judgeBoot({ ...boot.judged, healthy: faults.length === 0 })
  if (verdict === 'fall-back') {
    await fallBack(appliance, boot, faults, conversation).catch((error: unknown) => {
      if (!(error instanceof LockedError)) throw error
      // The gate has failed all the same: what ends the trial waits for the lock.
      appliance.log.warn('another operation is under way', { error: error.message })
    })
  }
  if (verdict === 'report') await report(appliance, boot, faults)
  // It is no trial, and no unit waits for the rest of its boot.
  if (verdict === 'confirm' && boot.judged.rolledBack) await closeRolledBack(appliance, conversation)
  return verdict
}

/** The boot is complete and was found healthy: confirm a trial, or count the boot where policy wants more of them. Nothing is done outside a trial. */
export const passGate = async (appliance: Appliance, conversation: Conversation): Promise<Verdict> => {
  const { index, judged, counted } = await readThisBoot(appliance)
  refuseInterrupted(conversation)
  // Lost since the checks: the next boot is judged by that.
  if (index === null) return 'report'
  const verdict = judgeBoot({ ...judged, healthy: true })
  if (verdict === 'confirm') await confirmVersion(appliance, conversation, { byGate: true })
  if (verdict === 'wait' && !counted) {
    const facts = { bootId: appliance.bootId, healthyBoots: judged.healthyBoots + 1 }
    await runOperation(appliance, 'health', (state, context) => planNextTrialBoot(state, facts, context), conversation, { usesReserve: true })
  }
  return verdict
}

/** The machine goes down in order: a trial that was not judged in this boot has its attempt again. @returns whether it has */
export const forgiveOrderlyEnd = async (appliance: Appliance, conversation: Conversation): Promise<boolean> => {
  const { index, judged, counted } = await readThisBoot(appliance)
  const health = index?.trialHealth ?? null
  const failed = counted && (health?.faults.length ?? 0) > 0
  const ends = { ...judged, failed, attempts: attemptsOf(appliance.policy), orderlyEnds: health?.orderlyEnds ?? 0 }
  if (!isForgiven(ends)) return false
  await runOperation(appliance, 'health', (state, context) => planOrderlyEnd(state, { bootId: appliance.bootId }, context), conversation, { usesReserve: true })
  return true
}

/** Why nobody found the boot healthy, from what can be asked without waiting. */
const whyIncomplete = async (appliance: Appliance, index: Index | null): Promise<HealthFault[]> => {
  const under = await unitsOf(appliance).underWay()
  const waits = under.length === 0 ? '' : `; not done: ${under.join(', ')}`
  const late = { check: 'boot-complete', text: `the boot did not come as far as ${BOOT_COMPLETE}${waits}`, lines: [] }
  const units = (await checkUnits(appliance, index)).filter(({ healthy }) => !healthy)
  return [...units.map(({ check, text, lines }) => ({ check, text, lines })), late]
}

/**
 * The boot failed or its time is over: a trial that was not found healthy is made to end.
 * @returns whether the machine has to be rebooted, into what was good before
 */
export const endIncompleteTrial = async (appliance: Appliance, conversation: Conversation): Promise<boolean> => {
  const boot = await readThisBoot(appliance)
  if (judgeBoot({ ...boot.judged, healthy: false }) !== 'fall-back') return false
  const failedAlready = boot.counted && (boot.index?.trialHealth?.faults.length ?? 0) > 0
  if (failedAlready && boot.choice?.attemptsLeft === 0) return true
  const isComplete = (await unitsOf(appliance).inactive([BOOT_COMPLETE])).length === 0
  if (isComplete) return false
  const faults = await whyIncomplete(appliance, boot.index)
  refuseInterrupted(conversation)
  await fallBack(appliance, boot, faults, conversation)
  return true
}
