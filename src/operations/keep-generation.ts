import { planKeep } from '../snap/plan/keep.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay keep`: no retention rule takes this generation. */
export const keepGeneration = (
  appliance: Appliance,
  request: { readonly id: number; readonly keep: boolean },
  conversation: Conversation,
): Promise<OperationResult> => runOperation(appliance, 'keep', (state, context) => planKeep(state, request, context), conversation)
