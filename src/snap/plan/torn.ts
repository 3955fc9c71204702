import { RefusedError } from '../../errors.ts'
import type { BootEnvironment } from '../model.ts'
import type { Plan } from './plan.ts'
import { replaceStandby } from './replace-standby.ts'
import { Numbering, type PlanContext, type PlanningState, basisOf } from './state.ts'
import type { PlannedChange, Step } from './step.ts'

/** The boot environment whose packages were being changed when its upgrade was cut or failed, once another one runs; null when it is known as torn already. */
export const findTorn = ({ index, choice, running }: Pick<PlanningState, 'index' | 'choice' | 'running'>): BootEnvironment | null => {
  const { session } = index
  if (session?.phase !== 'failed' || running === null || [running, choice.good, choice.trial, choice.once].includes(session.be)) return null
  const be = index.bootEnvironments.find(({ name }) => name === session.be)
  return be === undefined || be.tornAt !== undefined ? null : be
}

interface Marking {
  readonly before: readonly Step[]
  readonly changes: readonly PlannedChange[]
  /** Behind the plan's commit point. */
  readonly after: readonly Step[]
}

/** The parts of a plan that mark what an upgrade left torn; empty where nothing is. */
export const markingTorn = (state: PlanningState, numbering: Numbering, context: PlanContext): Marking => {
  const torn = findTorn(state)
  return torn === null ? { before: [], changes: [], after: [] } : marking(state, torn, numbering, context)
}

const marking = (state: PlanningState, be: BootEnvironment, numbering: Numbering, context: PlanContext): Marking => {
  const { name, standsFor, bootSet } = be
  const replaced = replaceStandby({ state, context, numbering, be })
  return {
    before: replaced.steps,
    changes: [
      ...replaced.changes,
      { planned: 'change', change: { change: 'be-torn', name, tornAt: { from: null, to: context.now } } },
      // A belay that does not know the word offers nothing without a boot set either.
      { planned: 'change', change: { change: 'be-boot-set', name, bootSet: { from: bootSet, to: null } } },
      ...(standsFor === null
        ? []
        : [{ planned: 'change', change: { change: 'be-stands-for', name, standsFor: { from: standsFor, to: null } } } satisfies PlannedChange]),
    ],
    after: [{ id: `remove-boot-set-${name}`, kind: 'boot-set.remove', be: name, why: `let GRUB find nothing of ${name} that it could start` }],
  }
}

/** Mark what an upgrade left torn. It stays as it is for whoever looks into what happened, and nothing offers it any more. */
export const planMarkTorn = (state: PlanningState, be: BootEnvironment, context: PlanContext): Plan => {
  const { before, changes, after } = marking(state, be, new Numbering(state), context)
  return {
    format: 1,
    id: context.planId,
    operation: 'mark-torn',
    madeAt: context.now,
    summary: `${be.name} is torn: it is kept, and never started again`,
    basis: basisOf(state),
    checks: [],
    notices: [],
    steps: [
      ...before,
      { id: 'record', kind: 'index.change', changes, why: `record that ${be.name} is torn` },
      { id: 'menu', kind: 'menu.write', choice: state.choice, why: 'take it out of the boot menu' },
      ...after,
    ],
    commit: 'record',
    escape: null,
  }
}

/** @throws RefusedError `torn` */
export const refuseTorn = ({ name, tornAt }: Pick<BootEnvironment, 'name' | 'tornAt'>): void => {
  if (tornAt === undefined) return
  throw new RefusedError('torn', `${name} is torn: its packages were being changed when its upgrade was cut or failed (found ${tornAt.slice(0, 10)})`, {
    next: ['belay list   (names the versions that can be started)'],
    data: { be: name, tornAt },
  })
}
