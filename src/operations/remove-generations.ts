import type { Policy } from '../policy/policy.ts'
import { planDelete, planPrune } from '../snap/plan/retention.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay delete`: generations that were named. */
export const deleteGenerations = (appliance: Appliance, ids: readonly number[], conversation: Conversation): Promise<OperationResult> =>
  runOperation(appliance, 'delete', (state, context) => planDelete(state, { ids }, context), conversation, { freesSpace: true })

/** `belay prune`: what the retention rule lets go. */
export const pruneGenerations = (appliance: Appliance, rule: Partial<Policy['retention']>, conversation: Conversation): Promise<OperationResult> =>
  runOperation(appliance, 'prune', (state, context) => planPrune(state, { ...appliance.policy.retention, ...rule }, context), conversation, {
    freesSpace: true,
  })
