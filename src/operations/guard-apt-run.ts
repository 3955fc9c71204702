import { z } from 'zod'
import { AptStopsError, BelayError, LockedError, RefusedError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import { type HookInput, parseHookInput } from '../pkg/hook-input.ts'
import { matchesPackageGlob } from '../pkg/package-glob.ts'
import { UNVERIFIED, planAptRun } from '../snap/plan/apt-run.ts'
import { runningBe } from '../snap/plan/state.ts'
import { upgradeTitle } from '../snap/plan/upgrade-title.ts'
import type { Appliance } from './appliance.ts'
import { isOwnerAlive } from './close-apt-run.ts'
import { readUpgradeSpace } from './read-upgrade-space.ts'
import { type Conversation, runOperation } from './run-operation.ts'
import { recordUnguardedRun } from './unguarded-apt-runs.ts'

/** What apt's hook did about one run. */
export const GuardReport = z.object({
  outcome: z.enum(['guarded', 'joined', 'unguarded', 'not-asked']),
  generation: z.int().nullable().describe('the restore point of the run'),
  text: z.string(),
})
export type GuardReport = z.infer<typeof GuardReport>

const notAsked = (text: string): GuardReport => ({ outcome: 'not-asked', generation: null, text })

const OWN_PACKAGE = 'belay'

const letGo = async (appliance: Appliance, what: string, why: string): Promise<GuardReport> => {
  // What kept belay from a restore point (a state volume that is full, say) may keep it from this too; apt goes on all the same.
  await recordUnguardedRun(appliance, what, why).catch((error: unknown) => {
    appliance.log.warn('a run of apt without a restore point could not be recorded', { what, why, error: String(error) })
  })
  return { outcome: 'unguarded', generation: null, text: why }
}

const readArchiveBytes = async ({ files }: Appliance, { changes }: HookInput): Promise<number> => {
  const stats = await Promise.all(changes.flatMap(({ archive }) => (archive === null ? [] : [files.stat(archive)])))
  return stats.reduce((sum, stat) => sum + (stat?.size ?? 0), 0)
}

const guard = async (appliance: Appliance, input: HookInput, conversation: Conversation): Promise<GuardReport> => {
  const owner = await appliance.aptRuns.owner()
  if (owner === null) throw new RefusedError('apt/no-owner', 'the program that runs apt cannot be told, and so not when it ends', { next: ['belay upgrade'] })
  const begin = (): Promise<void> => appliance.aptRuns.begin(owner)
  // The note comes first: should this process die while it arms, what waits for the end of apt closes that too.
  const { plan } = await runOperation(
    appliance,
    'apt',
    async (state, context) => {
      const { session } = state.index
      return planAptRun(
        state,
        {
          changes: input.changes,
          archiveBytes: await readArchiveBytes(appliance, input),
          space: await readUpgradeSpace(appliance, runningBe(state), input.changes),
          atomic: appliance.driver.atomicSets,
          owner,
          isArmedByLiving: session !== null && (await isOwnerAlive(appliance, session)),
          bootId: appliance.bootId,
        },
        context,
      )
    },
    { ...conversation, planOnly: false, approve: begin },
  ).catch(async (error: unknown) => {
    await appliance.aptRuns.end()
    throw error
  })
  const session = (await appliance.index.read()).session
  if (plan.steps.length === 0 && session?.owner.pid === owner.pid) await begin()
  const taken = plan.steps.some((step) => step.kind === 'generation.take')
  return { outcome: taken ? 'guarded' : 'joined', generation: session?.generation ?? null, text: plan.summary }
}

const LOOK_AGAIN_MS = 1000
/** Of the time that apt waits: what is left then is enough for a restore point, or for belay to say that there is none. */
const SHARE_FOR_LOCK = 4 / 5

/** Guard the run; where another operation of belay holds the lock, once that has ended, if it ends in time. */
const guardInTime = (appliance: Appliance, input: HookInput, conversation: Conversation, until: number): Promise<GuardReport> =>
  guard(appliance, input, conversation).catch(async (error: unknown) => {
    // With a process of its own it is dpkg's lock that somebody holds, and in its hook that is apt itself.
    const isForeign = !(error instanceof LockedError) || error.data['pid'] !== undefined
    if (isForeign || appliance.clock.now().getTime() >= until) throw error
    await appliance.clock.pause(LOOK_AGAIN_MS)
    return guardInTime(appliance, input, conversation, until)
  })

/**
 * What apt asks before its first dpkg: a restore point, once for each session. Where none can be taken, policy says whether apt stops or goes on and is flagged.
 * @param text what apt tells its hook
 * @throws AptStopsError when policy wants apt to stop; whatever keeps belay from asking policy
 */
export const guardAptRun = async (appliance: Appliance, text: string, conversation: Conversation): Promise<GuardReport> => {
  const { onFailure, duringTrial, packages, timeLimit } = appliance.policy.apt
  const until = appliance.clock.now().getTime() + timeLimit * 1000 * SHARE_FOR_LOCK
  let what = 'a run of apt'
  try {
    const input = parseHookInput(text)
    what = input.commandLine ?? upgradeTitle(input.changes)
    if (input.dryRun) return notAsked('apt only shows what it would do')
    if (!input.changes.some(({ name }) => matchesPackageGlob(name, packages))) return notAsked('no package that asks for a restore point changes')
    if (input.changes.some(({ name, action }) => name === OWN_PACKAGE && action === 'remove'))
      return await letGo(appliance, what, 'belay itself is removed, and could not close this run')
    return await guardInTime(appliance, input, conversation, until)
  } catch (error) {
    // Without a policy, or with a bug, the word of policy is the caller's to find: libexec/before-apt reads it by itself.
    if (!(error instanceof BelayError) || error.exitCode === EXIT.bug || appliance.policyProblem !== null) throw error
    if ((error.code === UNVERIFIED ? duringTrial : onFailure) === 'block') throw new AptStopsError(error)
    return letGo(appliance, what, error.message)
  }
}
