import { RefusedError } from '../../errors.ts'
import { type BootChoice, nextBoot } from '../../boot/boot-choice.ts'
import type { BootEnvironment, Generation } from '../model.ts'
import type { GenerationId } from '../names.ts'
import type { Plan } from './plan.ts'
import { attemptsOf, endTrialHealth, learnFaults } from './trial-health.ts'
import { replaceStandby } from './replace-standby.ts'
import { Numbering, type PlanContext, type PlanningState, basisOf, runningBe, wasStarted } from './state.ts'
import type { PlannedChange, Step } from './step.ts'
import { takeGeneration } from './take-generation.ts'
import { markingTorn, refuseTorn } from './torn.ts'

interface ConfirmRequest {
  readonly atomic: boolean
  /** Another version was chosen since this one was started. */
  readonly leaving?: boolean
  /** What was chosen for one boot stays so: a person did that, and the gate does not take it back. */
  readonly keepsOnce?: boolean
  /** Units that have failed now: those of a version that is healthy all the same. Null where nobody can tell. */
  readonly failedUnits?: readonly string[] | null
}

/**
 * The running boot environment is healthy and stays. After an upgrade it is taken as the "after" generation; a generation whose
 * standby is what runs now gets a new one, so that it can be chosen again as it was.
 */
export const planConfirm = (state: PlanningState, request: ConfirmRequest, context: PlanContext): Plan => {
  const running = runningBe(state)
  const { index, choice } = state
  const session = index.session
  if (session?.phase === 'armed') {
    throw new RefusedError('session/armed', 'an upgrade is running, or was killed and not yet closed', { next: ['belay doctor --fix'] })
  }
  if (session?.phase === 'failed' && session.be === running.name) {
    throw new RefusedError('session/failed', `the upgrade of ${running.name} failed; it cannot be confirmed`, { next: ['systemctl reboot'] })
  }
  refuseTorn(running)
  const notices: string[] = []
  const next = nextBoot({ ...choice, once: null }).be
  const { trial } = choice
  const tried = trial !== null && trial !== running.name && wasTried(state, context)
  if (next !== running.name && ((choice.good === running.name && !tried) || request.leaving === true)) {
    throw new RefusedError('switch-pending', `${next} was chosen for the next boot; confirming ${running.name} would take that back`, {
      next: ['systemctl reboot   (to start it)', 'belay forward      (to stay here after all)'],
    })
  }
  if (trial === next && next !== running.name)
    notices.push(tried ? `the trial of ${next} is over: it is not started again` : `${next}, which was to be tried at the next boot, is not started`)
  const once = request.keepsOnce === true && choice.once !== running.name ? choice.once : null
  if (choice.once !== null && once === null && choice.once !== running.name) notices.push(`the one boot of ${choice.once} that was chosen is taken back`)
  const to: BootChoice = { good: running.name, trial: null, attemptsLeft: 0, once }
  const settled = JSON.stringify(choice) === JSON.stringify(to) && session === null && running.standsFor === null
  const numbering = new Numbering(state)
  const steps: Step[] = []
  const changes: PlannedChange[] = []
  let left: readonly GenerationId[] = index.left

  if (session !== null) {
    changes.push({ planned: 'change', change: { change: 'session', session: { from: session, to: null } } })
    if (session.phase === 'trial' && session.be === running.name) {
      const taken = takeGeneration({
        state,
        context,
        numbering,
        be: running,
        reason: { kind: 'after-upgrade', text: session.text.replace(/^before/, 'after') },
        withData: false,
        hold: null,
        health: 'confirmed',
        standby: true,
        atomic: request.atomic,
      })
      steps.push(...taken.steps)
      changes.push(...taken.changes)
      left = []
    }
  }
  const marking = markingTorn(state, numbering, context)
  steps.push(...marking.before)
  changes.push(...marking.changes)
  for (const { be, reason, health, why } of notYetTaken(state, tried)) {
    const kept = keepLeft(state, be, { reason, health }, numbering, request.atomic, context)
    steps.push(...kept.steps)
    changes.push(...kept.changes)
    left = [...left, kept.id]
    notices.push(`${be.name}, ${why}, is kept: belay forward leads back to it`)
  }
  if (running.standsFor !== null) {
    changes.push({ planned: 'change', change: { change: 'be-stands-for', name: running.name, standsFor: { from: running.standsFor, to: null } } })
    const replacement = replaceStandby({ state, context, numbering, be: running })
    steps.push(...replacement.steps)
    changes.push(...replacement.changes)
    // What runs is behind nobody any more.
    left = left.filter((id) => id !== running.standsFor)
  }
  if (JSON.stringify(left) !== JSON.stringify(index.left)) changes.push({ planned: 'change', change: { change: 'left', left: { from: index.left, to: left } } })
  const origin = index.generations.find((generation) => generation.id === running.origin)
  if (origin?.health === 'unknown') {
    changes.push({ planned: 'change', change: { change: 'generation-health', id: origin.id, health: { from: origin.health, to: 'confirmed' } } })
  }
  changes.push(...endTrialHealth(index))
  if (Array.isArray(request.failedUnits)) changes.push({ planned: 'change', change: learnFaults(index, request.failedUnits) })
  changes.push({ planned: 'change', change: { change: 'be-confirmed', name: running.name, confirmedAt: { from: running.confirmedAt, to: context.now } } })

  return {
    format: 1,
    id: context.planId,
    operation: 'confirm',
    madeAt: context.now,
    summary: settled ? `${running.name} is confirmed already` : `${running.name} stays: it is what GRUB starts from now on`,
    basis: basisOf(state),
    checks: [{ name: 'no open upgrade', detail: 'no upgrade is running or failed here' }],
    notices: settled ? [`${running.name} is confirmed already`] : notices,
    steps: settled
      ? []
      : [
          ...steps,
          { id: 'record', kind: 'index.change', changes, why: `record that ${running.name} is healthy` },
          { id: 'menu', kind: 'menu.write', choice: to, why: 'bring the boot menu up to date' },
          { id: 'switch', kind: 'choice.write', from: choice, to, why: `make ${running.name} the one that GRUB starts` },
          { id: 'reboot-note', kind: 'reboot.note', text: 'belay confirm', why: 'take back the note that a reboot is needed' },
          ...marking.after,
        ],
    commit: settled ? null : 'switch',
    escape: null,
  }
}

interface LeftVersion extends Pick<Generation, 'reason' | 'health'> {
  readonly be: BootEnvironment
  readonly why: string
}

/** Versions that a confirmation of what runs leaves, each once, and that hold what no generation does: what was good, what an upgrade made, what was tried. */
const notYetTaken = ({ index, choice, running }: PlanningState, tried: boolean): LeftVersion[] => {
  const { session } = index
  const left: (Omit<LeftVersion, 'be'> & { readonly name: string | null })[] = [
    {
      name: choice.good,
      reason: { kind: 'before-rollback', text: `left when ${String(running)} was confirmed` },
      health: 'confirmed',
      why: 'which GRUB started until now',
    },
    {
      name: session?.phase === 'trial' ? session.be : null,
      reason: { kind: 'after-upgrade', text: `${session?.text.replace(/^before/, 'after') ?? ''}, which did not stay` },
      health: 'failed',
      why: 'which did not stay',
    },
    {
      name: tried ? choice.trial : null,
      reason: { kind: 'before-rollback', text: `${String(choice.trial)} as it was tried, which did not stay` },
      health: 'failed',
      why: 'which did not stay',
    },
  ]
  return left.flatMap(({ name, ...facts }, position) => {
    const be = index.bootEnvironments.find((candidate) => candidate.name === name)
    const isNamedBefore = left.findIndex((other) => other.name === name) < position
    return be === undefined || be.name === running || isNamedBefore || !isUntaken(be) ? [] : [{ be, ...facts }]
  })
}

/** Whether the trial had a boot: GRUB counted one, or a boot of it was judged or ended in order, after which it has all attempts again. */
const wasTried = ({ index, choice }: PlanningState, { policy }: PlanContext): boolean =>
  choice.attemptsLeft < attemptsOf(policy) || index.trialHealth?.be === choice.trial || index.lastStart?.be === choice.trial

/** Whether it was in use and holds what no generation does. A standby that was only tried is still the way to its generation. */
const isUntaken = (be: BootEnvironment): boolean => be.standsFor === null || (wasStarted(be) && be.standsFor !== be.origin)

/** A version that is left without a rollback of belay's (GRUB fell back, or a person picked another) is taken as a generation and stays for forward. */
const keepLeft = (
  state: PlanningState,
  be: BootEnvironment,
  { reason, health }: Pick<Generation, 'reason' | 'health'>,
  numbering: Numbering,
  atomic: boolean,
  context: PlanContext,
): { id: GenerationId; steps: Step[]; changes: PlannedChange[] } => {
  const taken = takeGeneration({
    state: { ...state, bootSetInStep: true, plainConfig: [] },
    context,
    numbering,
    be,
    reason,
    withData: false,
    hold: null,
    health,
    standby: false,
    atomic,
    suffix: `-${be.name}`,
  })
  const replaced = replaceStandby({ state, context, numbering, be })
  return {
    id: taken.id,
    steps: [...taken.steps, ...replaced.steps],
    changes: [
      ...taken.changes,
      ...replaced.changes,
      { planned: 'change', change: { change: 'be-stands-for', name: be.name, standsFor: { from: be.standsFor, to: taken.id } } },
    ],
  }
}
