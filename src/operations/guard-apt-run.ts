import { z } from 'zod'
import { BelayError, RefusedError } from '../errors.ts'
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
  await recordUnguardedRun(appliance, what, why)
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

/**
 * What apt asks before its first dpkg: a restore point, once for each session. Where none can be taken, policy says whether apt stops or goes on and is flagged.
 * @param text what apt tells its hook
 * @throws BelayError when policy wants apt to stop
 */
export const guardAptRun = async (appliance: Appliance, text: string, conversation: Conversation): Promise<GuardReport> => {
  const { onFailure, duringTrial, packages } = appliance.policy.apt
  let what = 'a run of apt'
  try {
    const input = parseHookInput(text)
    what = input.commandLine ?? upgradeTitle(input.changes)
    if (input.dryRun) return notAsked('apt only shows what it would do')
    if (!input.changes.some(({ name }) => matchesPackageGlob(name, packages))) return notAsked('no package that asks for a restore point changes')
    if (input.changes.some(({ name, action }) => name === OWN_PACKAGE && action === 'remove'))
      return await letGo(appliance, what, 'belay itself is removed, and could not close this run')
    return await guard(appliance, input, conversation)
  } catch (error) {
    // Without a policy, or with a bug, the word of policy is the caller's to find: libexec/before-apt reads it by itself.
    const isOurs = error instanceof BelayError && error.exitCode !== EXIT.bug && appliance.policyProblem === null
    if (!isOurs || (error.code === UNVERIFIED ? duringTrial : onFailure) === 'block') throw error
    return letGo(appliance, what, error.message)
  }
}
