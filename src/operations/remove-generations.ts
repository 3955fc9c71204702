import type { Policy } from '../policy/policy.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { planDelete, planPrune } from '../snap/plan/retention.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay delete`: generations that were named. */
export const deleteGenerations = (appliance: Appliance, ids: readonly number[], conversation: Conversation): Promise<OperationResult> =>
  runOperation(appliance, 'delete', (state, context) => refuseInUse(appliance, planDelete(state, { ids }, context)), conversation, { freesSpace: true })

/** `belay prune`: what the retention rule lets go. */
export const pruneGenerations = (appliance: Appliance, rule: Partial<Policy['retention']>, conversation: Conversation): Promise<OperationResult> =>
  runOperation(
    appliance,
    'prune',
    (state, context) => refuseInUse(appliance, planPrune(state, { ...appliance.policy.retention, ...rule }, context)),
    conversation,
    { freesSpace: true },
  )

/** The index forgets everything before the first of it is destroyed, so what cannot be destroyed must be known before. @throws RefusedError */
const refuseInUse = async (appliance: Appliance, plan: Plan): Promise<Plan> => {
  for (const step of plan.steps) {
    if (step.kind === 'be.destroy') await appliance.driver.checkDestroy({ kind: 'be', name: step.name })
    else if (step.kind === 'data.destroy') await appliance.driver.checkDestroy({ kind: 'data', name: step.name })
    else if (step.kind === 'generation.destroy') await appliance.driver.checkDestroy({ kind: 'generation', name: step.name })
  }
  return plan
}
