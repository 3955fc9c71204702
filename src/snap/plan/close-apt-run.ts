import { type GenerationId, generationName } from '../names.ts'
import type { Session } from '../model.ts'
import { escapeTo, trialSteps } from './armed-upgrade.ts'
import type { Plan } from './plan.ts'
import { type PlanContext, type PlanningState, basisOf, generationOf, runningBe } from './state.ts'
import type { PlannedChange, Step } from './step.ts'

interface CloseRequest {
  readonly session: Session
  /** dpkg has changed nothing since the restore point: apt gave up before it. */
  readonly untouched: boolean
}

/**
 * A run of apt has ended, however it did. What it left is verified and put on trial; what does not verify is flagged, and GRUB goes on to start the untouched
 * version. A run that changed nothing is taken back.
 */
export const planCloseAptRun = (state: PlanningState, { session, untouched }: CloseRequest, context: PlanContext): Plan => {
  const common = { format: 1, id: context.planId, operation: 'apt', madeAt: context.now, basis: basisOf(state), checks: [], notices: [] } as const
  const subject = session.text.replace(/^before /, 'the ')
  if (state.running !== session.be)
    return {
      ...common,
      summary: `${subject} was cut off; ${session.be} does not run any more`,
      steps: flagSteps(state, session),
      commit: 'record',
      escape: null,
    }
  const running = runningBe(state)
  if (untouched)
    return {
      ...common,
      summary: `${subject} changed nothing; its restore point is gone again`,
      steps: takeBackSteps(state, session),
      commit: 'switch',
      escape: null,
    }
  return {
    ...common,
    summary: `${subject} is on trial; generation ${String(session.generation)} and its ${session.fallback} lead back`,
    steps: trialSteps(state, running, session, `belay after ${subject}`, context),
    commit: 'switch',
    escape: escapeTo('verify-packages', session, `belay after ${subject}, which failed; the next boot starts the untouched version`),
  }
}

/** The version with the changed packages was left by a boot. What runs is the administrator's to confirm. */
const flagSteps = (state: PlanningState, session: Session): Step[] => [
  { id: 'record', kind: 'index.change', changes: [sessionChange(session, { ...session, phase: 'failed' })], why: 'record that the run of apt was cut off' },
  { id: 'menu', kind: 'menu.write', choice: state.choice, why: 'bring the boot menu up to date' },
]

/** As it was before: GRUB first, then the records, then what they named. */
const takeBackSteps = (state: PlanningState, session: Session): Step[] => {
  const choice = { good: session.be, trial: null, attemptsLeft: 0, once: null } as const
  const id: GenerationId = session.generation
  // Somebody may have asked for it to stay meanwhile.
  const isKept = generationOf(state.index, id).keep
  const removed: PlannedChange[] = isKept
    ? []
    : [
        { planned: 'change', change: { change: 'remove-generation', id } },
        { planned: 'change', change: { change: 'remove-be', name: session.fallback } },
      ]
  return [
    { id: 'switch', kind: 'choice.write', from: state.choice, to: choice, why: `let GRUB start ${session.be} again` },
    {
      id: 'record',
      kind: 'index.change',
      changes: [sessionChange(session, null), ...removed],
      why: 'take the restore point out of the index: nothing needs it',
    },
    { id: 'menu', kind: 'menu.write', choice, why: 'bring the boot menu up to date' },
    ...(isKept
      ? []
      : ([
          { id: 'remove-boot-set', kind: 'boot-set.remove', be: session.fallback, why: `free the boot set of ${session.fallback}` },
          { id: 'destroy-standby', kind: 'be.destroy', name: session.fallback, why: `destroy ${session.fallback}` },
          { id: 'destroy-generation', kind: 'generation.destroy', name: generationName(id), generation: id, why: `destroy generation ${String(id)}` },
        ] satisfies Step[])),
    { id: 'reboot-note', kind: 'reboot.note', text: 'belay', why: 'take back the note that a reboot is needed' },
  ]
}

const sessionChange = (from: Session, to: Session | null): PlannedChange => ({ planned: 'change', change: { change: 'session', session: { from, to } } })
