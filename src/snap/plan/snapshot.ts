import type { Plan } from './plan.ts'
import { type Quiesce, quiesceNotices } from './quiesce.ts'
import { Numbering, type PlanContext, type PlanningState, basisOf, refuseDuringSession, runningBe } from './state.ts'
import { takeGeneration } from './take-generation.ts'

export interface SnapshotRequest {
  readonly text: string
  readonly withData: boolean
  readonly keep: boolean
  readonly atomic: boolean
  /** Units to stop meanwhile; null where that was not asked for. */
  readonly quiesce: Quiesce | null
}

/** A restore point of the running boot environment. @throws RefusedError while an upgrade is open. */
export const planSnapshot = (state: PlanningState, request: SnapshotRequest, context: PlanContext): Plan => {
  if (state.index.session?.phase !== 'trial') refuseDuringSession(state, 'snapshot')
  const be = runningBe(state)
  const taken = takeGeneration({
    state,
    context,
    numbering: new Numbering(state),
    be,
    reason: { kind: 'manual', text: request.text },
    withData: request.withData,
    hold: request.keep ? { owner: context.actor.user, until: null } : null,
    health: state.choice.good === be.name ? 'confirmed' : 'unknown',
    standby: true,
    atomic: request.atomic,
    quiesce: request.quiesce,
  })
  return {
    format: 1,
    id: context.planId,
    operation: 'snapshot',
    madeAt: context.now,
    summary: `generation ${String(taken.id)} holds ${be.name} as it is now`,
    basis: basisOf(state),
    checks: [{ name: 'no open upgrade', detail: 'no upgrade is running or failed' }],
    notices: request.quiesce === null ? [] : quiesceNotices(request.quiesce),
    steps: [
      ...taken.steps,
      { id: 'record', kind: 'index.change', changes: taken.changes, why: `record generation ${String(taken.id)}` },
      { id: 'menu', kind: 'menu.write', choice: state.choice, why: 'offer it in the boot menu' },
    ],
    commit: 'record',
    escape: null,
  }
}
