import type { BootChoice } from '../../boot/boot-choice.ts'
import { RefusedError } from '../../errors.ts'
import type { BootEnvironment, HealthFault, Index, TrialHealth } from '../model.ts'
import { spanBetween } from './time-span.ts'
import type { Plan } from './plan.ts'
import { type PlanContext, type PlanningState, basisOf, runningBe } from './state.ts'
import { attemptsOf } from './trial-health.ts'

/** @throws RefusedError when what runs is not on trial (any more) */
const trialOf = (state: PlanningState): BootEnvironment => {
  const running = runningBe(state)
  if (state.choice.trial === running.name) return running
  throw new RefusedError('not-on-trial', `${running.name} is not on trial`, { next: ['belay status'] })
}

const record = (state: PlanningState, context: PlanContext, facts: { trialHealth: TrialHealth; to: BootChoice; why: string; choiceWhy: string }) => ({
  format: 1 as const,
  id: context.planId,
  madeAt: context.now,
  basis: basisOf(state),
  checks: [{ name: 'on trial', detail: `${facts.trialHealth.be} is on trial` }],
  steps: [
    {
      id: 'record',
      kind: 'index.change' as const,
      changes: [
        {
          planned: 'change' as const,
          change: { change: 'trial-health' as const, trialHealth: { from: state.index.trialHealth ?? null, to: facts.trialHealth } },
        },
      ],
      why: facts.why,
    },
    { id: 'menu', kind: 'menu.write' as const, choice: facts.to, why: 'bring the boot menu up to date' },
    { id: 'switch', kind: 'choice.write' as const, from: state.choice, to: facts.to, why: facts.choiceWhy },
    { id: 'reboot-note', kind: 'reboot.note' as const, text: 'belay health', why: 'say whether a reboot is needed' },
  ],
  commit: 'switch',
  escape: null,
})

interface HealthyBoot {
  readonly bootId: string | null
  /** In a row, this one included. */
  readonly healthyBoots: number
}

/** A healthy boot of a trial that wants more of them: it has all its attempts again, so that the reboots until then are no failures. */
export const planNextTrialBoot = (state: PlanningState, { bootId, healthyBoots }: HealthyBoot, context: PlanContext): Plan => {
  const { name } = trialOf(state)
  const to: BootChoice = { ...state.choice, attemptsLeft: attemptsOf(context.policy) }
  const trialHealth: TrialHealth = { be: name, at: context.now, bootId, healthyBoots, faults: [], since: null, dataLeft: [] }
  return {
    ...record(state, context, { trialHealth, to, why: 'count this boot', choiceWhy: `give ${name} all attempts for the boots that are to come` }),
    operation: 'health',
    summary: `${name} was healthy in ${String(healthyBoots)} of the ${String(context.policy.trial.healthyBoots)} boots that confirm it`,
    notices: [],
  }
}

const ONE_MORE = { 0: 1, 1: 2, 2: 3, 3: 3 } as const

/** @returns a choice with one more of the boots that a trial gets */
const withOneMore = (choice: BootChoice, policy: PlanContext['policy']): BootChoice => {
  const [more, most] = [ONE_MORE[choice.attemptsLeft], attemptsOf(policy)]
  return { ...choice, attemptsLeft: more < most ? more : most }
}

/** A boot of a trial is ended in order before it was judged: it counts for nothing, and the trial has its attempt again. */
export const planOrderlyEnd = (state: PlanningState, { bootId }: Pick<HealthyBoot, 'bootId'>, context: PlanContext): Plan => {
  const { name } = trialOf(state)
  const before = state.index.trialHealth?.be === name ? state.index.trialHealth : null
  const trialHealth: TrialHealth = {
    ...{ be: name, at: context.now, bootId, healthyBoots: before?.healthyBoots ?? 0, faults: [], since: null, dataLeft: [] },
    orderlyEnds: (before?.orderlyEnds ?? 0) + 1,
  }
  const to = withOneMore(state.choice, context.policy)
  return {
    ...record(state, context, { trialHealth, to, why: 'note down how this boot ended', choiceWhy: `give ${name} the attempt of this boot again` }),
    operation: 'health',
    summary: `${name} is rebooted before its health was known, which costs it no attempt`,
    notices: [],
  }
}

interface FailedBoot {
  readonly bootId: string | null
  /** At least one. */
  readonly faults: readonly HealthFault[]
}

/** Mountpoints at which a boot environment has data that another does not use. */
export const dataLeftBy = (index: Index, be: BootEnvironment, next: string): string[] => {
  const uses = index.bootEnvironments.find((candidate) => candidate.name === next)?.data ?? []
  return be.data.flatMap(({ mountpoint, data }) => (uses.some((use) => use.mountpoint === mountpoint && use.data === data) ? [] : [mountpoint]))
}

/** A boot of a trial failed: its attempts are used up, so that GRUB starts what was good before, and the reason is kept for that boot to tell. */
export const planFallBack = (state: PlanningState, { bootId, faults }: FailedBoot, context: PlanContext): Plan => {
  const running = trialOf(state)
  const { index, choice } = state
  const to: BootChoice = { ...choice, attemptsLeft: 0, once: null }
  // The fallback of an upgrade is as the root was before it; that of a change of version is as it was when it was left, for the first boot of the trial.
  const since = (index.session?.be === running.name ? index.session.startedAt : index.lastStart?.at) ?? null
  const dataLeft = dataLeftBy(index, running, choice.good)
  const trialHealth: TrialHealth = { be: running.name, at: context.now, bootId, healthyBoots: 0, faults: [...faults], since, dataLeft }
  return {
    ...record(state, context, {
      trialHealth,
      to,
      why: `record why ${running.name} does not stay`,
      choiceWhy: `let GRUB start ${choice.good}, which was good before`,
    }),
    operation: 'fall-back',
    summary: `${running.name} failed its trial (${faults.map(({ text }) => text).join('; ')}); the next boot starts ${choice.good}${
      since === null
        ? ''
        : `, and what was written in ${[...dataLeft, running.name].join(', ')} in ${spanBetween(since, context.now)} is kept with ${running.name}`
    }`,
    notices: faults.flatMap(({ lines }) => lines),
    faults: [...faults],
  }
}
