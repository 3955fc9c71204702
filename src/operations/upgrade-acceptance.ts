import { z } from 'zod'
import type { BootChoice } from '../boot/boot-choice.ts'
import { BelayError } from '../errors.ts'
import type { Index } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import type { PlanningState } from '../snap/plan/state.ts'
import { refuseUpgrade } from '../snap/plan/upgrade.ts'
import type { Appliance } from './appliance.ts'

/** Whether `belay upgrade` would go on to ask apt, and why not. */
export const UpgradeAcceptance = z.object({
  accepted: z.boolean(),
  code: z.string().nullable().describe('the code of the error with which belay upgrade would be refused now; null when it would not'),
  why: z.string().nullable(),
  next: z.array(z.string()).describe('what to do first'),
})
export type UpgradeAcceptance = z.infer<typeof UpgradeAcceptance>

interface Situation {
  readonly index: Index | null
  readonly choice: BootChoice | null
  readonly running: BeName | null
  /** Runs whose process works, and whose process died. */
  readonly underWay: boolean
  readonly interrupted: boolean
}

const refused = (code: string, why: string, next: readonly string[]): UpgradeAcceptance => ({ accepted: false, code, why, next: [...next] })

/** Looks at what an upgrade checks before it asks apt for anything: no more is read than is known, and what its packages need of space is not. */
export const readUpgradeAcceptance = async (appliance: Appliance, situation: Situation): Promise<UpgradeAcceptance> => {
  const { index, choice, running } = situation
  const { policyProblem, packages } = appliance
  if (policyProblem instanceof BelayError) return refused(policyProblem.code, policyProblem.message, policyProblem.next)
  if (situation.underWay) return refused('locked', 'another operation is under way', ['wait for it to end'])
  if (situation.interrupted) return refused('interrupted', 'an operation was interrupted and is not yet brought to its end', ['belay doctor --fix'])
  if (index === null) return refused('index', 'there is no index that can be read', ['belay doctor'])
  if (choice === null) return refused('env-lost', 'the boot choice cannot be read', ['belay doctor --fix'])
  const state: PlanningState = { index, choice, running, occupied: { generation: [], be: [], data: [] }, bootSetInStep: true, plainConfig: [] }
  try {
    refuseUpgrade(state, await packages.state())
    return { accepted: true, code: null, why: null, next: [] }
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return refused(error.code, error.message, error.next)
  }
}
