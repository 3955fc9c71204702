import { UsageError } from '../errors.ts'
import { type SnapshotRequest, planSnapshot } from '../snap/plan/snapshot.ts'
import type { Appliance } from './appliance.ts'
import { findUnitsToStop } from './find-units-to-stop.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** It stands in tables and in the boot menu. */
const ONE_LINE = /^[^\p{Cc}]{1,200}$/u

interface SnapshotOptions extends Omit<SnapshotRequest, 'atomic' | 'quiesce'> {
  /** Stop the units that policy names meanwhile. */
  readonly quiesce: boolean
}

/** `belay snapshot`: a restore point of what runs. */
export const takeSnapshot = async (appliance: Appliance, options: SnapshotOptions, conversation: Conversation): Promise<OperationResult> => {
  if (!ONE_LINE.test(options.text)) {
    throw new UsageError('the message must be one line of 1 to 200 characters, without control characters', { next: ['belay snapshot -m "why it is taken"'] })
  }
  return runOperation(
    appliance,
    'snapshot',
    async (state, context) => {
      const quiesce = options.quiesce ? await findUnitsToStop(appliance) : null
      return planSnapshot(state, { ...options, atomic: appliance.driver.atomicSets, quiesce }, context)
    },
    conversation,
  )
}
