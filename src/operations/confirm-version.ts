import { BelayError, NotFoundError, RefusedError } from '../errors.ts'
import type { BeName } from '../snap/names.ts'
import { planConfirm } from '../snap/plan/confirm.ts'
import type { PlanningState } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { readRunningByPlace } from './read-planning-state.ts'
import { readRunningFacts } from './read-running-facts.ts'
import { lockedByAnyPolicy } from './hold-lock.ts'
import { pruneByItself } from './carry-out-retention.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay confirm`: what runs is healthy and stays. Without a readable index, journal or policy the boot choice alone is confirmed. */
export const confirmVersion = async (
  appliance: Appliance,
  conversation: Conversation,
  { byGate = false }: { readonly byGate?: boolean } = {},
): Promise<OperationResult> => {
  const lost = conversation.planOnly ? null : await lostRecord(appliance)
  const running = lost === null ? null : await readRunningByPlace(appliance)
  const result = await (lost === null || running === null
    ? runOperation(
        appliance,
        'confirm',
        async (state, context) => {
          await refuseBeforeReboot(appliance, state)
          const failedUnits = await failedUnitsOf(appliance)
          return planConfirm(state, { atomic: appliance.driver.atomicSets, leaving: await isLeaving(appliance), failedUnits, keepsOnce: byGate }, context)
        },
        conversation,
        { usesReserve: true, afterwards: () => pruneByItself(appliance) },
      )
    : confirmChoiceAlone(appliance, running, lost))
  if (result.executed) await endWatch(appliance)
  return result
}

/** It gives the hardware watchdog back, and stops the timer that would end the trial. */
const TRIAL_WATCH = 'belay-trial.service'

const endWatch = async ({ units, log }: Appliance): Promise<void> => {
  try {
    await units?.letStop(TRIAL_WATCH)
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    log.debug('nothing watches over a trial here', { error: error.message })
  }
}

/** Null where no systemd can be asked: a confirmation by hand does not need it. */
const failedUnitsOf = async ({ units, log }: Appliance): Promise<readonly string[] | null> => {
  try {
    return units === null ? null : await units.failed()
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    log.warn('the units that have failed are not known', { error: error.message })
    return null
  }
}

/** Whether another version was chosen since the boot of this one: that is to be taken back by its own command, and not by a confirmation. */
const isLeaving = async (appliance: Appliance): Promise<boolean> => {
  const { why, running, next } = await readRunningFacts(appliance)
  return why === 'leaving' || (why === 'rolled-back' && next?.be !== running?.be)
}

/** A trial is of what boots: before its first boot there is nothing that could have been found healthy. @throws RefusedError */
const refuseBeforeReboot = async (appliance: Appliance, state: Pick<PlanningState, 'index' | 'running'>): Promise<void> => {
  const { session } = state.index
  if (!appliance.target.live || session?.phase !== 'trial' || session.be !== state.running || !(await appliance.rebootNote.isSet())) return
  throw new RefusedError('reboot-pending', `${session.be} was upgraded and has not been booted since: its trial begins with the reboot`, {
    next: ['systemctl reboot'],
  })
}

/** What an operation needs to read and cannot. */
type Lost = 'index' | 'journal' | 'policy'

/** Which of them cannot be read, null when all can. */
const lostRecord = async (appliance: Appliance): Promise<Lost | null> => {
  try {
    await appliance.index.read()
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return 'index'
  }
  try {
    await appliance.journals.unfinished()
    return appliance.policyProblem === null ? null : 'policy'
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return 'journal'
  }
}

/** An upgrade that was cut leaves packages half configured in the version that runs; GRUB must not be told to stay with it. */
const refuseHalfUpgraded = async (appliance: Appliance, running: BeName, lost: Lost): Promise<void> => {
  const index = lost === 'index' ? null : await appliance.index.read()
  const session = index?.session ?? null
  if (index !== null) await refuseBeforeReboot(appliance, { index, running })
  const isOpen = session !== null && session.phase !== 'trial' && session.be === running
  if (!isOpen && !(await appliance.journals.mayHaveHalfChangedPackages(running))) return
  throw new RefusedError('session/armed', `an upgrade of ${running} was interrupted; it cannot be confirmed`, {
    next: ['systemctl reboot   # starts the version that was armed', 'belay doctor'],
    data: { be: running },
  })
}

const confirmChoiceAlone = async (appliance: Appliance, running: BeName, lost: Lost): Promise<OperationResult> => {
  const confirm = async (): Promise<OperationResult> => {
    await refuseHalfUpgraded(appliance, running, lost)
    const plan = withoutRecord(running, appliance.clock.now().toISOString(), lost)
    appliance.log.warn(`the ${lost} cannot be read; confirming the boot choice alone`, { running })
    await appliance.boot.writeChoice({ good: running, trial: null, attemptsLeft: 0, once: null })
    await audit(appliance, plan)
    return { plan, executed: true, results: new Map(), recovered: [] }
  }
  try {
    return await lockedByAnyPolicy(appliance, 'confirm', confirm)
  } catch (error) {
    // With the index its whole volume may be gone, and the lock with it.
    if (!(error instanceof NotFoundError) || (await appliance.driver.stateDirectory()) !== null) throw error
    return confirm()
  }
}

const audit = async (appliance: Appliance, plan: OperationResult['plan']): Promise<void> => {
  if ((await appliance.driver.stateDirectory()) === null) return
  const { uid, user } = appliance.actor
  const entry = { at: plan.madeAt, plan: plan.id, operation: plan.operation, summary: plan.summary, outcome: 'done', uid, user, error: null, recovered: false }
  // GRUB has been told already: what is confirmed must not be called a failure because it could not be noted down.
  await appliance.audit.append(entry).catch((error: unknown) => {
    appliance.log.warn('the confirmation could not be written to the audit log', { error: String(error) })
  })
}

const withoutRecord = (running: BeName, now: string, lost: Lost): OperationResult['plan'] => ({
  format: 1,
  id: `without-${lost}`,
  operation: 'confirm',
  madeAt: now,
  summary: `${running} stays: it is what GRUB starts from now on`,
  basis: { revision: null, choice: null, running },
  checks: [],
  notices: [`the ${lost} cannot be read; only the boot choice was confirmed (belay doctor)`],
  steps: [],
  commit: null,
  escape: null,
})
