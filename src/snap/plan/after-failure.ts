import type { Alongside } from './armed-upgrade.ts'
import { replaceStandby } from './replace-standby.ts'
import { type Numbering, type PlanContext, type PlanningState, runningBe } from './state.ts'
import type { PlannedChange } from './step.ts'
import { markingTorn } from './torn.ts'

/** Whether the untouched version runs, to which GRUB went after an upgrade that was cut off or failed, and nobody chose another one since. */
export const runsAfterFailure = ({ index: { session }, choice, running }: PlanningState): boolean =>
  session?.phase === 'failed' && session.fallback === running && choice.good === running && choice.trial === null && choice.once === null

/**
 * What has to be so before the version that runs changes although nobody confirmed it after such a failure: what the upgrade left is marked as torn, and the
 * restore point can be started again as it was.
 */
export const settleFailure = (state: PlanningState, numbering: Numbering, context: PlanContext): Alongside => {
  const running = runningBe(state)
  const marking = markingTorn(state, numbering, context)
  const { standsFor, name } = running
  if (standsFor === null) return marking
  const standby = replaceStandby({ state, context, numbering, be: running })
  const own: PlannedChange = { planned: 'change', change: { change: 'be-stands-for', name, standsFor: { from: standsFor, to: null } } }
  return { before: [...marking.before, ...standby.steps], changes: [...marking.changes, own, ...standby.changes], after: marking.after }
}
