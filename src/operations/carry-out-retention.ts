import { BelayError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { type PoolFacts, planPrune, wantedFree } from '../snap/plan/retention.ts'
import type { PlanContext, PlanningState } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { UNATTENDED, executorFor } from './executor-for.ts'
import { planContext, readPlanningState } from './read-planning-state.ts'
import { refusalsOf } from './undestroyable.ts'

type Rule = Policy['retention']

/**
 * After a confirmation, by policy: what the rule lets go. The version that was confirmed stays so, whatever comes of this. The lock must be held.
 * @returns what to tell
 */
export const pruneByItself = async (appliance: Appliance): Promise<string[]> => {
  const rule = appliance.policy.retention
  if (!rule.automatic) return []
  try {
    const state = await readPlanningState(appliance)
    if (!isSettled(state)) return []
    const plan = await planRetention(appliance, state, rule, planContext(appliance))
    // What stays is for doctor and `prune --plan` to tell.
    if (plan.steps.length === 0) return []
    const { stays } = await executorFor(appliance, UNATTENDED).execute(plan)
    return [`retention: ${plan.summary}`, ...stays, ...(await makeRoom(appliance, rule))]
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('retention could not be carried out', { error: error.message })
    return [`retention could not be carried out: ${error.message} (belay prune)`]
  }
}

/** Whether what runs is confirmed, and nothing waits to be. */
const isSettled = ({ index, choice, running }: PlanningState): boolean =>
  index.session === null && choice.trial === null && choice.once === null && choice.good === running

/**
 * While less is free than policy wants: the oldest generation that can go, and then the next, each time after what came free was measured.
 * @returns what to tell
 */
export const makeRoom = async (appliance: Appliance, rule: Rule): Promise<string[]> => {
  if (rule.freeGiB + rule.freePercent === 0) return []
  const gone: number[] = []
  const tried = new Set<string>()
  const stays: string[] = []
  for (;;) {
    const isFreed = await appliance.driver.awaitFreed()
    if (!(await hasTooLittleRoom(appliance, rule))) break
    if (!isFreed) {
      stays.push('less is free on the pool than retention wants, and what was let go is still being freed: the next belay prune measures again')
      break
    }
    const plan = await planRetention(appliance, await readPlanningState(appliance), rule, planContext(appliance))
    const next = plan.steps.flatMap((step) => (step.kind === 'generation.destroy' || step.kind === 'be.destroy' ? [step.id] : []))
    // What could not be destroyed a moment ago is not tried again now.
    if (next.every((id) => tried.has(id))) {
      stays.push('less is free on the pool than retention wants, and it lets nothing more go (belay prune --plan says why)')
      break
    }
    stays.push(...(await executorFor(appliance, UNATTENDED).execute(plan)).stays)
    for (const id of next) tried.add(id)
    gone.push(...plan.steps.flatMap((step) => (step.kind === 'generation.destroy' && !gone.includes(step.generation) ? [step.generation] : [])))
  }
  return [...(gone.length === 0 ? [] : [`for the room that policy wants, gone for good too: ${gone.join(', ')}`]), ...stays]
}

const hasTooLittleRoom = async ({ driver }: Appliance, rule: Rule): Promise<boolean> => {
  const space = await driver.space()
  return space.free < wantedFree(rule, space)
}

/**
 * A rule takes what it can: what cannot be destroyed now stays, with a notice, and the rest goes.
 * @param bytes that generations hold, for whoever reads the plan
 */
export const planRetention = async (
  appliance: Appliance,
  state: PlanningState,
  rule: Rule,
  context: PlanContext,
  bytes: PoolFacts['bytes'] = new Map(),
): Promise<Plan> => {
  const inUse = new Map<string, string>()
  const facts: PoolFacts = { inUse, space: await appliance.driver.space(), bytes }
  for (;;) {
    const plan = planPrune(state, rule, context, facts)
    const known = inUse.size
    for (const { name, refusal } of await refusalsOf(appliance, plan)) inUse.set(name, refusal.message)
    if (inUse.size === known) return plan
  }
}
