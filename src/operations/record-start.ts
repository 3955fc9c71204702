import type { IndexChange } from '../snap/index-change.ts'
import type { Index, LastStart, TrialHealth } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import { wasStarted } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { carryIdentityToAll } from './carry-identity.ts'
import type { RunningFacts } from './explain-running.ts'
import { tellOfFallback } from './health/journal-messages.ts'
import { planContext } from './read-planning-state.ts'

/** Whether this boot of the machine is in the index. One of a root that is only mounted never is. */
export const isRecorded = (appliance: Appliance, index: Index): boolean => appliance.bootId !== null && index.lastStart?.bootId === appliance.bootId

/** GRUB used the attempts of a trial up, and nobody saw why: who picks it in the menu later shall not have it confirmed for one boot that went well. */
const fallbackChanges = (index: Index, { trial, failure, why }: RunningFacts, start: LastStart): IndexChange[] => {
  const from = index.trialHealth ?? null
  if (why !== 'fallback-from-trial' || trial === null || failure !== null || (from?.be === trial && from.fellBack === true)) return []
  const to: TrialHealth = { be: trial, at: start.at, bootId: start.bootId, healthyBoots: 0, faults: [], fellBack: true, since: null, dataLeft: [] }
  return [{ change: 'trial-health', trialHealth: { from, to } }]
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

/**
 * Once in each boot, the index and the audit log learn what came up and why, and every boot environment gets the machine's own files. Brings no
 * interrupted run to its end and confirms nothing. The lock must be held.
 * @param facts why what runs does so
 * @returns the boot environments that were given other files; null when this boot was recorded before
 */
export const recordStart = async (appliance: Appliance, index: Index, facts: RunningFacts): Promise<BeName[] | null> => {
  if (isRecorded(appliance, index)) return null
  const { why, subject } = facts
  const running = facts.running?.be ?? null
  const { planId, now } = planContext(appliance)
  // Before the index says that this one ran: whose files are right depends on which one ran before it.
  const given = await carryIdentityToAll(appliance, index, running)
  if (running !== null) {
    const start: LastStart = { be: running, at: now, bootId: appliance.bootId, why }
    await appliance.index.change([...changesFor(index, start), ...fallbackChanges(index, facts, start)])
  }
  await appliance.audit.append({
    at: now,
    plan: `boot-${planId}`,
    operation: 'booted',
    summary: `${running ?? 'a root that is none of belay’s'} came up: ${why}${subject === null ? '' : ` (${subject})`}`,
    outcome: 'done',
    uid: appliance.actor.uid,
    user: appliance.actor.user,
    error: null,
    recovered: false,
  })
  if (why === 'fallback-from-trial') await tellOfFallback(appliance, facts, facts.trial ?? 'a version')
  return given
}
