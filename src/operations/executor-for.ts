import { allEffects } from '../snap/effects/all-effects.ts'
import { type ExecutionEvent, Executor } from '../snap/executor.ts'
import type { Plan } from '../snap/plan/plan.ts'
import type { Appliance } from './appliance.ts'
import { readBasis } from './read-planning-state.ts'

/** Who is told what an executor does, and may stop it. */
interface Listener {
  readonly onEvent: (event: ExecutionEvent, plan: Plan) => void
  readonly signal: AbortSignal
}

/** Nobody. */
export const UNATTENDED: Listener = { onEvent: () => undefined, signal: new AbortController().signal }

/** What carries out plans on an appliance and notes them in its audit log. @param recovering plans of runs that died */
export const executorFor = (appliance: Appliance, conversation: Listener, recovering = false): Executor => {
  let current: Plan | null = null
  let released = false
  return new Executor({
    effects: allEffects(appliance),
    journals: appliance.journals,
    readBasis: () => readBasis(appliance),
    faults: appliance.faults,
    clock: appliance.clock,
    log: appliance.log,
    owner: { pid: appliance.actor.pid, startTime: appliance.actor.startTime },
    signal: conversation.signal,
    releaseReserve: () => {
      released = true
      return appliance.reserve.release()
    },
    onPlan: (plan) => {
      current = plan
    },
    onEvent: (event) => {
      if (current !== null) conversation.onEvent(event, current)
    },
    onEnded: async (plan, outcome, error) => {
      // The process that is recovered may have died between its record and the end of its journal.
      if (recovering && (await appliance.audit.read()).some((entry) => entry.plan === plan.id)) return
      await appliance.audit.append({
        at: appliance.clock.now().toISOString(),
        plan: plan.id,
        operation: plan.operation,
        summary: plan.summary,
        outcome,
        uid: appliance.actor.uid,
        user: appliance.actor.user,
        error: error === null || error === undefined ? null : error instanceof Error ? error.message : JSON.stringify(error),
        recovered: recovering,
        ...(plan.faults === undefined ? {} : { faults: [...plan.faults] }),
      })
      // The next operation that fails needs it as much.
      if (released) await makeReserveAgain(appliance)
    },
  })
}

/** A disk without room for the reserve is doctor's to report. */
export const makeReserveAgain = (appliance: Appliance): Promise<void> =>
  appliance.reserve.make(appliance.policy).catch((error: unknown) => {
    appliance.log.warn('the space reserve could not be made again', { error: String(error) })
  })
