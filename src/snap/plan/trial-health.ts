import type { BootChoice } from '../../boot/boot-choice.ts'
import type { Policy } from '../../policy/policy.ts'
import type { IndexChange } from '../index-change.ts'
import type { Index, TrialHealth } from '../model.ts'
import type { PlannedChange } from './step.ts'

/** Boots that GRUB gives a trial when it begins, and again after each that was healthy. */
export const attemptsOf = ({ trial }: Pick<Policy, 'trial'>): BootChoice['attemptsLeft'] => (trial.attempts === 1 ? 1 : trial.attempts === 2 ? 2 : 3)

/**
 * Boots of a trial in a row, up to the one that runs, that were healthy. Each gave it all attempts again, and so did an orderly end; where more than the attempt of
 * this boot is missing, boots in between ended by themselves.
 */
export const healthyInARow = ({ healthyBoots }: Pick<TrialHealth, 'healthyBoots'>, attemptsLeft: number, policy: Pick<Policy, 'trial'>): number =>
  attemptsLeft >= attemptsOf(policy) - 1 ? healthyBoots : 0

/** A trial ends or another begins: what was counted and found in the one before is nothing to it. */
export const endTrialHealth = ({ trialHealth = null }: Pick<Index, 'trialHealth'>): PlannedChange[] =>
  trialHealth === null ? [] : [{ planned: 'change', change: { change: 'trial-health', trialHealth: { from: trialHealth, to: null } } }]

/** These units have failed in a version that stays: the next trial is not blamed for them. */
export const learnFaults = ({ knownFaults = [] }: Pick<Index, 'knownFaults'>, failedUnits: readonly string[]): IndexChange => ({
  change: 'known-faults',
  knownFaults: { from: knownFaults, to: failedUnits.toSorted() },
})
