import { UsageError } from '../errors.ts'
import { type SnapshotRequest, planSnapshot } from '../snap/plan/snapshot.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** It stands in tables and in the boot menu. */
const ONE_LINE = /^[^\p{Cc}]{1,200}$/u

/** `belay snapshot`: a restore point of what runs. */
export const takeSnapshot = async (appliance: Appliance, request: Omit<SnapshotRequest, 'atomic'>, conversation: Conversation): Promise<OperationResult> => {
  if (!ONE_LINE.test(request.text)) {
    throw new UsageError('the message must be one line of 1 to 200 characters, without control characters', { next: ['belay snapshot -m "why it is taken"'] })
  }
  return runOperation(
    appliance,
    'snapshot',
    (state, context) => planSnapshot(state, { ...request, atomic: appliance.driver.atomicSets }, context),
    conversation,
  )
}
