import { BelayError } from '../errors.ts'
import { notInitialised } from '../snap/index-store.ts'
import type { Appliance } from './appliance.ts'
import { readRunningFacts } from './read-running-facts.ts'
import { isRecorded, recordStart } from './record-start.ts'
import { sweepLeftovers } from './sweep-leftovers.ts'

const LOCK_FILE = 'lock'

/** What cannot be read as policy must not be guessed: nothing is changed, or planned, by defaults. */
export const refuseUnreadablePolicy = (appliance: Appliance): void => {
  if (appliance.policyProblem !== null) throw appliance.policyProblem
}

/**
 * Hold the appliance's lock while working.
 * @param brief of an operation that ends within moments, for which others wait
 * @throws LockedError when somebody else does, NotFoundError where belay has no state yet
 */
export const holdLock = async <Result>(
  appliance: Appliance,
  { operation, brief = false }: { readonly operation: string; readonly brief?: boolean },
  work: () => Promise<Result>,
): Promise<Result> => {
  // The lock is a file in the state volume; making its directory would take the place of that volume.
  if ((await appliance.driver.stateDirectory()) === null) throw notInitialised()
  const held = await appliance.lock.acquire(`${appliance.stateDirectory}/${LOCK_FILE}`, { actor: appliance.actor, operation, brief })
  try {
    return await work()
  } finally {
    await held.release()
  }
}

/** An operation that has the lock before this boot was recorded stands in for `belay booted`, which finds it held. Its own work comes first. */
const recordStartBeforehand = async (appliance: Appliance): Promise<void> => {
  if (appliance.bootId === null) return
  try {
    const index = await appliance.index.readIfAny()
    if (index !== null && !isRecorded(appliance, index)) await recordStart(appliance, index, await readRunningFacts(appliance))
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('this boot could not be recorded', { error: error.message })
  }
}

/** Hold the lock for an operation that changes something. @throws LockedError, NotFoundError as holdLock; what is wrong with the policy */
export const locked = <Result>(appliance: Appliance, operation: string, work: () => Promise<Result>): Promise<Result> => {
  refuseUnreadablePolicy(appliance)
  return lockedByAnyPolicy(appliance, operation, work)
}

/** The same for what makes nothing by policy. */
export const lockedByAnyPolicy = <Result>(appliance: Appliance, operation: string, work: () => Promise<Result>): Promise<Result> =>
  holdLock(appliance, { operation }, async () => {
    await sweepLeftovers(appliance)
    await recordStartBeforehand(appliance)
    return work()
  })
