import { z } from 'zod'
import type { Index } from '../snap/model.ts'
import type { Appliance } from './appliance.ts'
import { planContext } from './read-planning-state.ts'

/** How the audit log calls a run of apt without a restore point; libexec/before-apt writes the same word. */
const UNGUARDED = 'unguarded'

export const UnguardedRun = z.object({ at: z.string(), summary: z.string(), why: z.string() })
type UnguardedRun = z.infer<typeof UnguardedRun>

/** Runs of apt that had no restore point, since the newest generation: what they did is in none yet. */
export const readUnguardedRuns = async ({ audit }: Pick<Appliance, 'audit'>, index: Index): Promise<UnguardedRun[]> => {
  // The shell tells time in seconds.
  const newest = Math.floor(Date.parse(index.generations.at(-1)?.createdAt ?? '') / 1000)
  return (await audit.read()).flatMap(({ at, outcome, summary, error }) =>
    outcome === UNGUARDED && Date.parse(at) / 1000 >= newest ? [{ at, summary, why: error ?? '' }] : [],
  )
}

/** Note down, where no rollback takes it back, that apt goes on without a restore point. */
export const recordUnguardedRun = async (appliance: Appliance, what: string, why: string): Promise<void> => {
  if ((await appliance.driver.stateDirectory()) === null) return
  const { planId, now } = planContext(appliance)
  const { uid, user } = appliance.actor
  await appliance.audit.append({
    at: now,
    plan: `${UNGUARDED}-${planId}`,
    operation: 'apt',
    summary: what,
    outcome: UNGUARDED,
    uid,
    user,
    error: why,
    recovered: false,
  })
}
