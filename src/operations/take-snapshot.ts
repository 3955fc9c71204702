import { type SnapshotRequest, planSnapshot } from '../snap/plan/snapshot.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay snapshot`: a restore point of what runs. */
export const takeSnapshot = (appliance: Appliance, request: Omit<SnapshotRequest, 'atomic'>, conversation: Conversation): Promise<OperationResult> =>
  runOperation(appliance, 'snapshot', (state, context) => planSnapshot(state, { ...request, atomic: appliance.driver.atomicSets }, context), conversation)
