import { z } from 'zod'
import { LockedError } from '../errors.ts'
import type { Appliance } from './appliance.ts'
import { armedAptRun, isAtWork } from './close-apt-run.ts'
import { holdLock, refuseUnreadablePolicy } from './hold-lock.ts'
import { type Conversation, recoverInterrupted } from './run-operation.ts'

/** What was closed, and what is open after that. */
export const CloseReport = z.object({
  closed: z.array(z.object({ plan: z.string(), operation: z.string(), outcome: z.string() })),
  session: z.object({ phase: z.string(), text: z.string() }).nullable().describe('the upgrade that waits for its trial to end, or failed'),
})
export type CloseReport = z.infer<typeof CloseReport>

/**
 * Close an armed upgrade whose owner is gone, by belay or by apt: what is whole is verified and put on trial, the rest is flagged.
 * @throws LockedError while it is still at work
 */
export const closeUpgrade = async (appliance: Appliance, conversation: Pick<Conversation, 'onEvent' | 'signal'>): Promise<CloseReport> => {
  refuseUnreadablePolicy(appliance)
  return holdLock(appliance, { operation: 'close-upgrade', brief: true }, async () => {
    const armed = armedAptRun(await appliance.index.readIfAny())
    if (armed !== null && (await isAtWork(appliance, armed)))
      throw new LockedError(`${armed.text.replace(/^before /, 'the ')} is still at work`, { next: ['wait until it has ended'] })
    const closed = await recoverInterrupted(appliance, conversation)
    await appliance.aptRuns.end()
    const { session = null } = (await appliance.index.readIfAny()) ?? {}
    return { closed: closed.map((run) => ({ ...run })), session: session === null ? null : { phase: session.phase, text: session.text } }
  })
}
