import { BelayError } from '../errors.ts'
import type { BeName } from '../snap/names.ts'
import { findTorn, planMarkTorn } from '../snap/plan/torn.ts'
import type { Appliance } from './appliance.ts'
import { UNATTENDED, executorFor } from './executor-for.ts'
import { planContext, readPlanningState } from './read-planning-state.ts'
import { type Recovered, recoverInterrupted } from './run-operation.ts'

export interface Settled {
  readonly recovered: readonly Recovered[]
  /** The boot environment that was found torn. */
  readonly torn: BeName | null
}

/**
 * What a power cut or a kill interrupted is finished or undone, and what it left torn is marked, without waiting for a person. What fails of it, doctor
 * names and the next operation tries again. The lock must be held.
 */
export const settleInterrupted = async (appliance: Appliance): Promise<Settled> => {
  const settled: { recovered: readonly Recovered[]; torn: BeName | null } = { recovered: [], torn: null }
  // What is undone and finished is made by policy too.
  if (appliance.policyProblem !== null) return settled
  try {
    settled.recovered = await recoverInterrupted(appliance, UNATTENDED)
    const state = await readPlanningState(appliance)
    const torn = findTorn(state)
    if (torn === null) return settled
    await executorFor(appliance, UNATTENDED).execute(planMarkTorn(state, torn, planContext(appliance)))
    settled.torn = torn.name
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('what was interrupted could not be brought to its end', { error: error.message })
  }
  return settled
}
