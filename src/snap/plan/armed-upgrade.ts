import type { BootChoice } from '../../boot/boot-choice.ts'
import type { BootEnvironment, Generation, Session } from '../model.ts'
import type { Escape } from './plan.ts'
import type { Quiesce } from './quiesce.ts'
import { Numbering, type PlanContext, type PlanningState, runningBe } from './state.ts'
import type { PlannedChange, Step } from './step.ts'
import { takeGeneration } from './take-generation.ts'
import { attemptsOf, endTrialHealth } from './trial-health.ts'

interface ArmRequest {
  /** What the session is of: an upgrade by belay, or a run of apt that belay did not start. */
  readonly operation: 'upgrade' | 'apt'
  /** What the generation and the session are called: it begins with "before". */
  readonly text: string
  readonly withData: boolean
  readonly health: Generation['health']
  readonly quiesce: Quiesce | null
  readonly atomic: boolean
  readonly owner: Session['owner']
  /** The boot of the machine, as the kernel names it; null where the machine does not run. */
  readonly bootId: string | null
  /** What else belongs to the same plan. */
  readonly alongside?: (numbering: Numbering) => Alongside
}

/** Steps before the records are changed, changes that are made with those of the generation, and steps after it is armed. */
export interface Alongside {
  readonly before: readonly Step[]
  readonly changes: readonly PlannedChange[]
  readonly after: readonly Step[]
}

interface Armed {
  readonly session: Session
  readonly steps: readonly Step[]
}

/** What GRUB starts while packages are changing: the untouched version. */
const armedChoice = ({ fallback }: Pick<Session, 'fallback'>): BootChoice => ({ good: fallback, trial: null, attemptsLeft: 0, once: null })

/** The result on trial, with the untouched version as its fallback. */
const trialChoice = ({ be, fallback }: Session, context: PlanContext): BootChoice => ({
  good: fallback,
  trial: be,
  attemptsLeft: attemptsOf(context.policy),
  once: null,
})

/** The steps that make an armed session what GRUB knows. */
export const armSteps = (state: PlanningState, session: Session, changes: readonly PlannedChange[]): Step[] => {
  const armed = armedChoice(session)
  return [
    {
      id: 'record',
      kind: 'index.change',
      changes: [...changes, { planned: 'change', change: { change: 'session', session: { from: state.index.session, to: session } } }],
      why: `record generation ${String(session.generation)} and who arms it`,
    },
    { id: 'menu', kind: 'menu.write', choice: armed, why: 'offer it in the boot menu' },
    { id: 'arm', kind: 'choice.write', from: state.choice, to: armed, why: `let GRUB start ${session.fallback} if the power fails from here on` },
  ]
}

/** Take the restore point of what runs, and let GRUB start its standby from then on. */
export const takeAndArm = (state: PlanningState, request: ArmRequest, context: PlanContext): Armed => {
  const { operation, text, withData, health, quiesce, atomic, owner, bootId, alongside } = request
  const running = runningBe(state)
  const numbering = new Numbering(state)
  const taken = takeGeneration({
    state,
    context,
    numbering,
    be: running,
    reason: { kind: 'before-upgrade', text },
    withData,
    hold: null,
    health,
    standby: true,
    atomic,
    quiesce,
  })
  if (taken.standby === null) throw new Error('an upgrade has a standby')
  const session: Session = {
    operation,
    phase: 'armed',
    be: running.name,
    fallback: taken.standby,
    generation: taken.id,
    owner,
    startedAt: context.now,
    ...(bootId === null ? {} : { bootId }),
    text,
  }
  const more = alongside?.(numbering) ?? { before: [], changes: [], after: [] }
  return { session, steps: [...taken.steps, ...more.before, ...armSteps(state, session, [...taken.changes, ...more.changes]), ...more.after] }
}

/** Steps after the last package was changed: verify what is there, and put it on trial. `switch` is the commit point. */
export const trialSteps = (state: Pick<PlanningState, 'index'>, running: BootEnvironment, session: Session, note: string, context: PlanContext): Step[] => {
  const root = running.members.find((member) => member.role === 'root')
  if (root === undefined) throw new Error(`${running.name} has no root`)
  const trial = trialChoice(session, context)
  const upgraded: PlannedChange[] = [
    {
      planned: 'be-upgraded',
      name: running.name,
      bootSet: { step: 'new-boot-set' },
      dataFormat: { step: 'describe-result' },
      before: { bootSet: running.bootSet, dataFormat: running.dataFormat },
      data: state.index.data.filter((data) => data.role === 'data' && running.data.some((use) => use.data === data.name)),
    },
    { planned: 'change', change: { change: 'session', session: { from: session, to: { ...session, phase: 'trial' } } } },
    ...endTrialHealth(state.index),
  ]
  return [
    { id: 'verify-packages', kind: 'packages.verify', why: 'check that dpkg left nothing half done' },
    { id: 'grub-cfg', kind: 'grub.ensure', why: 'put belay’s grub.cfg back in place where a package wrote its own' },
    { id: 'new-boot-set', kind: 'boot-set.build', be: running.name, root: root.volume, why: 'verify the new kernel and initrd and give them to GRUB' },
    { id: 'describe-result', kind: 'root.describe', why: 'read the versions that are there now' },
    { id: 'record-result', kind: 'index.change', changes: upgraded, why: 'record the trial' },
    { id: 'menu-result', kind: 'menu.write', choice: trial, why: 'bring the boot menu up to date' },
    {
      id: 'switch',
      kind: 'choice.write',
      from: armedChoice(session),
      to: trial,
      why: `put ${running.name} on trial, with ${session.fallback} as its fallback`,
    },
    { id: 'reboot-note', kind: 'reboot.note', text: note, why: 'say whether a reboot is needed' },
  ]
}

/** What is done instead from a step on: the session is flagged, and GRUB goes on to start the untouched version. What died after the last package is verified all the same. */
export const escapeTo = (from: string, session: Session, note: string): Escape => ({
  from,
  resume: 'verify-packages',
  steps: [
    {
      id: 'record-failure',
      kind: 'index.change',
      changes: [{ planned: 'change', change: { change: 'session', session: { from: session, to: { ...session, phase: 'failed' } } } }],
      why: 'record that the upgrade failed',
    },
    { id: 'grub-cfg-failure', kind: 'grub.ensure', why: 'put belay’s grub.cfg back in place where a package wrote its own' },
    { id: 'menu-failure', kind: 'menu.write', choice: armedChoice(session), why: 'bring the boot menu up to date' },
    { id: 'reboot-note-failure', kind: 'reboot.note', text: note, why: 'say that a reboot is needed' },
  ],
})
