import { FailedError } from '../errors.ts'
import type { Executor } from '../snap/executor.ts'
import type { Index, Session } from '../snap/model.ts'
import { rootVolume } from '../snap/driver.ts'
import { planCloseAptRun } from '../snap/plan/close-apt-run.ts'
import { generationOf, isUnstarted } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { confirmAtOnce } from './confirm-at-once.ts'
import { planContext, readIndexIfReadable, readPlanningState } from './read-planning-state.ts'

/** The run of apt that is armed, if one is. */
export const armedAptRun = (index: Index | null): Session | null => {
  const session = index?.session ?? null
  return session?.phase === 'armed' && session.operation === 'apt' ? session : null
}

/** Whether the process that armed a session still works, as far as a process of this boot can. */
export const isOwnerAlive = async (appliance: Pick<Appliance, 'bootId' | 'isAlive'>, session: Session): Promise<boolean> =>
  isUnstarted(session, appliance.bootId) && session.owner.until !== 'lock' && (await appliance.isAlive(session.owner))

/** Whether packages may still be changed by it: its owner is there, or somebody holds dpkg's lock. */
export const isAtWork = async (appliance: Pick<Appliance, 'aptRuns' | 'bootId' | 'isAlive'>, session: Session): Promise<boolean> =>
  (await isOwnerAlive(appliance, session)) || (await appliance.aptRuns.lockHolder()) !== null

/**
 * Close a run of apt whose owner is gone: verify, then trial or flag; where nothing asks for a reboot, confirm. One that still works is left alone. The lock
 * must be held.
 * @param executorOf a new executor for each plan
 */
export const closeAptRun = async (
  appliance: Appliance,
  executorOf: () => Executor,
): Promise<{ readonly plan: string; readonly operation: string; readonly outcome: 'done' | 'undone' | 'escaped' } | null> => {
  const index = await readIndexIfReadable(appliance)
  const session = armedAptRun(index)
  if (index === null || session === null || (await isAtWork(appliance, session))) return null
  // Without a boot choice nothing can be planned; doctor writes it again.
  if ((await appliance.boot.readChoice()).choice === null) return null
  const generation = generationOf(index, session.generation)
  const root = rootVolume(generation)
  const state = await readPlanningState(appliance)
  const untouched = root !== null && state.running === session.be && (await appliance.aptRuns.isUntouchedSince(await appliance.driver.directoryOf(root)))
  const plan = planCloseAptRun(state, { session, untouched }, planContext(appliance))
  const ended = { plan: plan.id, operation: plan.operation }
  try {
    await executorOf().execute(plan)
  } catch (error) {
    if (!(error instanceof FailedError)) throw error
    appliance.log.warn('a run of apt did not verify', { error: error.message })
    return { ...ended, outcome: error.data['rebootRequired'] === true ? 'escaped' : 'undone' }
  }
  if ((await appliance.index.read()).session?.phase === 'trial')
    for (const told of await confirmAtOnce(appliance, generation.bootSet, executorOf())) appliance.log.info(told)
  return { ...ended, outcome: 'done' }
}
