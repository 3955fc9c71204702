import { z } from 'zod'
import { LockedError } from '../errors.ts'
import { notInitialised } from '../snap/index-store.ts'
import type { IndexChange } from '../snap/index-change.ts'
import type { Index, LastStart } from '../snap/model.ts'
import { wasStarted } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { carryIdentityToAll } from './carry-identity.ts'
import { type RunningFacts, RunningWhy } from './explain-running.ts'
import { readRunningFacts } from './read-running-facts.ts'
import { planContext } from './read-planning-state.ts'
import { lockedByAnyPolicy } from './run-operation.ts'

/** What `belay booted` found and did. */
export const BootReport = z.object({
  running: z.string().nullable().describe('boot environment that came up; null when it is none of belay’s'),
  generation: z.int().nullable(),
  why: RunningWhy,
  next: z.string().nullable().describe('boot environment that GRUB starts next'),
  recorded: z.boolean().describe('false when this boot was recorded before, or another operation holds the lock'),
  identityGivenTo: z.array(z.string()).describe('boot environments that were given the machine’s own files'),
})
export type BootReport = z.infer<typeof BootReport>

export interface RecordedBoot {
  readonly report: BootReport
  readonly facts: RunningFacts
}

/**
 * What is done once after each boot: the index and the audit log learn what came up and why, and every boot environment gets the machine's own files. It
 * brings no interrupted run to its end and confirms nothing. While another operation holds the lock it only looks.
 * @param describe the reason in words, for the audit log
 */
export const recordBoot = async (appliance: Appliance, describe: (facts: RunningFacts) => string): Promise<RecordedBoot> => {
  const facts = await readRunningFacts(appliance)
  const done = await lockedByAnyPolicy(appliance, 'booted', () => record(appliance, facts, describe)).catch((error: unknown) => {
    if (!(error instanceof LockedError)) throw error
    appliance.log.info('another operation is under way: this boot is not recorded', { error: error.message })
    return { recorded: false, identityGivenTo: [] }
  })
  // What was picked for one boot waits for no reboot, although the next one starts another version.
  if (facts.why !== 'picked') await appliance.rebootNote.bringUpToDate('belay')
  return {
    facts,
    report: { running: facts.running?.be ?? null, generation: facts.running?.generation ?? null, why: facts.why, next: facts.next?.be ?? null, ...done },
  }
}

const record = async (
  appliance: Appliance,
  facts: RunningFacts,
  describe: (facts: RunningFacts) => string,
): Promise<Pick<BootReport, 'recorded' | 'identityGivenTo'>> => {
  const index = await appliance.index.readIfAny()
  if (index === null) throw notInitialised()
  const running = facts.running?.be ?? null
  const { planId, now } = planContext(appliance)
  if (appliance.bootId !== null && index.lastStart?.bootId === appliance.bootId) return { recorded: false, identityGivenTo: [] }
  // Before the index says that this one ran: whose files are right depends on which one ran before it.
  const identityGivenTo = await carryIdentityToAll(appliance, index, running)
  if (running !== null) await appliance.index.change(changesFor(index, { be: running, at: now, bootId: appliance.bootId, why: facts.why }))
  await appliance.audit.append({
    at: now,
    plan: `boot-${planId}`,
    operation: 'booted',
    summary: describe(facts),
    outcome: 'done',
    uid: appliance.actor.uid,
    user: appliance.actor.user,
    error: null,
    recovered: false,
  })
  return { recorded: true, identityGivenTo }
}

const changesFor = (index: Index, start: LastStart): IndexChange[] => {
  const be = index.bootEnvironments.find((candidate) => candidate.name === start.be)
  return [
    { change: 'last-start', lastStart: { from: index.lastStart ?? null, to: start } },
    ...(be === undefined || be.standsFor === null || wasStarted(be)
      ? []
      : [{ change: 'be-started', name: be.name, startedAs: { from: be.startedAs ?? null, to: be.standsFor } } satisfies IndexChange]),
  ]
}
