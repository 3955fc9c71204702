import { parseUntil } from '../hold-flags.ts'
import { planKeep } from '../snap/plan/keep.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

export interface KeepOptions {
  readonly id: number
  readonly keep: boolean
  /** Who wants it; null: whoever asks. */
  readonly owner: string | null
  /** A date or days from now; null: for good. */
  readonly until: string | null
}

/** `belay keep`: no retention rule takes this generation, and on ZFS nobody else does. @throws UsageError */
export const keepGeneration = (appliance: Appliance, { id, keep, owner, until }: KeepOptions, conversation: Conversation): Promise<OperationResult> => {
  const last = until === null ? null : parseUntil(until, appliance.clock.now())
  return runOperation(
    appliance,
    'keep',
    (state, context) => planKeep(state, { id, hold: keep ? { owner: owner ?? context.actor.user, until: last } : null }, context),
    conversation,
  )
}
