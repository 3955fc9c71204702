import { InvalidFileError, NotFoundError, RefusedError } from '../errors.ts'
import type { BeName } from '../snap/names.ts'
import { planConfirm } from '../snap/plan/confirm.ts'
import type { Appliance } from './appliance.ts'
import { readRunningByPlace } from './read-planning-state.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay confirm`: what runs is healthy and stays. Without a readable index the boot choice alone is confirmed. */
export const confirmVersion = async (appliance: Appliance, conversation: Conversation): Promise<OperationResult> => {
  try {
    return await runOperation(appliance, 'confirm', (state, context) => planConfirm(state, { atomic: appliance.driver.atomicSets }, context), conversation)
  } catch (error) {
    const indexIsLost = error instanceof InvalidFileError || error instanceof NotFoundError || (error instanceof RefusedError && error.code === 'index/too-new')
    if (!indexIsLost || conversation.planOnly) throw error
    const running = await readRunningByPlace(appliance)
    if (running === null) throw error
    appliance.log.warn('the index cannot be read; confirming the boot choice alone', { running })
    await appliance.boot.writeChoice({ good: running, trial: null, attemptsLeft: 0, once: null })
    return { plan: withoutIndex(running, appliance.clock.now().toISOString()), executed: true, results: new Map(), recovered: [] }
  }
}

const withoutIndex = (running: BeName, now: string): OperationResult['plan'] => ({
  format: 1,
  id: 'without-index',
  operation: 'confirm',
  madeAt: now,
  summary: `${running} stays: it is what GRUB starts from now on`,
  basis: { revision: null, choice: null, running },
  checks: [],
  notices: ['the index cannot be read; only the boot choice was confirmed (belay doctor)'],
  steps: [],
  commit: null,
  escape: null,
})
