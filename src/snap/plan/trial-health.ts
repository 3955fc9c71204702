import type { BootChoice } from '../../boot/boot-choice.ts'
import type { Policy } from '../../policy/policy.ts'
import type { IndexChange } from '../index-change.ts'
import type { Index } from '../model.ts'
import type { PlannedChange } from './step.ts'

/** Boots that GRUB gives a trial when it begins, and again after each that was healthy. */
export const attemptsOf = ({ trial }: Pick<Policy, 'trial'>): BootChoice['attemptsLeft'] => (trial.attempts === 1 ? 1 : trial.attempts === 2 ? 2 : 3)

/** A trial ends or another begins: what was counted and found in the one before is nothing to it. */
export const endTrialHealth = ({ trialHealth = null }: Pick<Index, 'trialHealth'>): PlannedChange[] =>
  trialHealth === null ? [] : [{ planned: 'change', change: { change: 'trial-health', trialHealth: { from: trialHealth, to: null } } }]

/** These units have failed in a version that stays: the next trial is not blamed for them. */
export const learnFaults = ({ knownFaults = [] }: Pick<Index, 'knownFaults'>, failedUnits: readonly string[]): IndexChange => ({
  change: 'known-faults',
  knownFaults: { from: knownFaults, to: failedUnits.toSorted() },
})
