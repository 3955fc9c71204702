import type { BootChoice } from '../../boot/boot-choice.ts'
import type { HealthFault } from '../model.ts'
import type { LeftBehind } from './left-behind.ts'
import type { Verdict } from './retention-verdict.ts'
import type { Step } from './step.ts'

/** What a plan was made from; the executor refuses to run it against anything else (exit 14). */
export interface Basis {
  /** Revision of the index; null before init. */
  readonly revision: number | null
  readonly choice: BootChoice | null
  /** The boot environment that is mounted at the target's root, by name, or the locator of a root that is none. */
  readonly running: string
}

/** A check that passed; those that fail refuse the plan. */
export interface Check {
  readonly name: string
  readonly detail: string
}

/**
 * What to do when a failure can no longer be undone step by step: from the step `from` on, undo is to boot the standby that was armed.
 * The steps bring index, menu and reboot note in line with that.
 */
export interface Escape {
  readonly from: string
  /** From this step on a run that died goes on instead, as long as the same version runs: whatever could be left half done came before it. */
  readonly resume?: string
  readonly steps: readonly Step[]
}

/** An operation as data: nothing in it was done yet. */
export interface Plan {
  readonly format: 1
  readonly id: string
  readonly operation: string
  readonly madeAt: string
  /** One line for people: what the machine will be when this is done. */
  readonly summary: string
  readonly basis: Basis
  readonly checks: readonly Check[]
  readonly notices: readonly string[]
  /** Of a change of version: what the next boot has as it was earlier. The notices tell the same to people. */
  readonly leavesBehind?: readonly LeftBehind[]
  /** Of prune: what is said of every generation. */
  readonly retention?: readonly Verdict[]
  /** Of a fallback: why, for the audit log. */
  readonly faults?: readonly HealthFault[]
  readonly steps: readonly Step[]
  /** Id of the step whose success makes the operation done: before it all is undone on failure, after it all is resumed. Null for a plan without steps. */
  readonly commit: string | null
  readonly escape: Escape | null
}

export const positionOf = (plan: Pick<Plan, 'steps'>, id: string): number => plan.steps.findIndex((step) => step.id === id)
