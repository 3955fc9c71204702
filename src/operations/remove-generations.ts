import { BelayError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'
import type { OwnObject } from '../snap/driver.ts'
import type { GenerationId } from '../snap/names.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { planDelete } from '../snap/plan/removal.ts'
import { type PoolFacts, planPrune, wantedFree } from '../snap/plan/retention.ts'
import type { PlanContext, PlanningState } from '../snap/plan/state.ts'
import type { StepOf } from '../snap/plan/step.ts'
import type { Appliance } from './appliance.ts'
import { planContext, readPlanningState } from './read-planning-state.ts'
import { type Conversation, type OperationResult, executorFor, runOperation } from './run-operation.ts'

type Rule = Policy['retention']

/** `belay delete`: generations that were named. */
export const deleteGenerations = (appliance: Appliance, ids: readonly number[], conversation: Conversation): Promise<OperationResult> =>
  measured(appliance, () =>
    runOperation(appliance, 'delete', (state, context) => refuseInUse(appliance, planDelete(state, { ids }, context)), conversation, { usesReserve: true }),
  )

/** `belay prune`: what the retention rule lets go. */
export const pruneGenerations = (appliance: Appliance, words: Partial<Rule>, conversation: Conversation): Promise<OperationResult> => {
  const rule: Rule = { ...appliance.policy.retention, ...words }
  return measured(appliance, () =>
    runOperation(appliance, 'prune', (state, context) => planAround(appliance, state, rule, context), conversation, {
      usesReserve: true,
      afterwards: () => makeRoom(appliance, rule),
    }),
  )
}

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
    const plan = await planAround(appliance, state, rule, planContext(appliance))
    // What stays is for doctor and `prune --plan` to tell.
    if (plan.steps.length === 0) return []
    await executorFor(appliance, UNATTENDED).execute(plan)
    return [`retention: ${plan.summary}`, ...(await makeRoom(appliance, rule))]
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('retention could not be carried out', { error: error.message })
    return [`retention could not be carried out: ${error.message} (belay prune)`]
  }
}

const UNATTENDED = { onEvent: () => undefined, signal: new AbortController().signal } satisfies Pick<Conversation, 'onEvent' | 'signal'>

/** Whether what runs is confirmed, and nothing waits to be. */
const isSettled = ({ index, choice, running }: PlanningState): boolean =>
  index.session === null && choice.trial === null && choice.once === null && choice.good === running

/** While less is free than policy wants: the oldest generation that can go, and then the next, each time after what came free was measured. */
const makeRoom = async (appliance: Appliance, rule: Rule): Promise<string[]> => {
  const went: string[] = []
  if (rule.freeGiB + rule.freePercent === 0) return went
  for (;;) {
    await appliance.driver.awaitFreed()
    const space = await appliance.driver.space()
    if (space.free >= wantedFree(rule, space)) break
    const plan = await planAround(appliance, await readPlanningState(appliance), rule, planContext(appliance))
    const generations = plan.steps.flatMap((step) => (step.kind === 'generation.destroy' ? [String(step.generation)] : []))
    // What could not be destroyed a moment ago is not tried again now.
    if (generations.length === 0 || generations.every((id) => went.includes(id))) {
      went.push('')
      break
    }
    await executorFor(appliance, UNATTENDED).execute(plan)
    went.push(...generations)
  }
  const numbers = went.filter((id) => id !== '')
  return [
    ...(numbers.length === 0 ? [] : [`for the room that policy wants, gone for good too: ${numbers.join(', ')}`]),
    ...(went.at(-1) === '' ? ['less is free on the pool than retention wants, and it lets nothing more go (belay prune --plan says why)'] : []),
  ]
}

/** What came free is what the pool says afterwards: no filesystem knows it before for all that go together. */
const measured = async (appliance: Appliance, work: () => Promise<OperationResult>): Promise<OperationResult> => {
  const before = await appliance.driver.space().catch(() => null)
  const result = await work()
  if (!result.executed || before === null) return result
  try {
    await appliance.driver.awaitFreed()
    return { ...result, freedBytes: Math.max(0, (await appliance.driver.space()).free - before.free) }
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    appliance.log.warn('what came free could not be measured', { error: error.message })
    return result
  }
}

/** A rule takes what it can: what cannot be destroyed now stays, with a notice, and the rest goes. */
const planAround = async (appliance: Appliance, state: PlanningState, rule: Rule, context: PlanContext): Promise<Plan> => {
  const inUse = new Map<string, string>()
  const facts: PoolFacts = { inUse, space: await appliance.driver.space(), bytes: await readBytes(appliance, state) }
  for (;;) {
    const plan = planPrune(state, rule, context, facts)
    const known = inUse.size
    for (const { name, refusal } of await refusalsOf(appliance, plan)) inUse.set(name, refusal.message)
    if (inUse.size === known) return plan
  }
}

/** Bytes that each generation and the boot environments that stand for it hold alone. */
const readBytes = async ({ driver }: Appliance, { index }: PlanningState): Promise<ReadonlyMap<GenerationId, number>> => {
  const bytes = new Map<GenerationId, number>()
  for (const generation of index.generations) {
    const records = [generation, ...index.bootEnvironments.filter((be) => be.standsFor === generation.id)]
    const held = await driver.bytesHeldBy(records.flatMap(({ members }) => members.map(({ volume }) => volume)))
    if (held === null) return new Map()
    bytes.set(generation.id, held)
  }
  return bytes
}

/** @throws BelayError for the first object that cannot be destroyed now: who named it is told, before anything goes */
const refuseInUse = async (appliance: Appliance, plan: Plan): Promise<Plan> => {
  const [first] = await refusalsOf(appliance, plan)
  if (first !== undefined) throw first.refusal
  return plan
}

/** What of a plan's objects could not be destroyed now. */
const refusalsOf = async ({ driver }: Appliance, plan: Plan): Promise<{ readonly name: string; readonly refusal: BelayError }[]> => {
  const found: { readonly name: string; readonly refusal: BelayError }[] = []
  for (const step of plan.steps) {
    if (step.kind !== 'be.destroy' && step.kind !== 'data.destroy' && step.kind !== 'generation.destroy') continue
    try {
      await driver.checkDestroy(objectOf(step))
    } catch (error) {
      if (!(error instanceof BelayError)) throw error
      found.push({ name: step.name, refusal: error })
    }
  }
  return found
}

const objectOf = (step: StepOf<'be.destroy' | 'data.destroy' | 'generation.destroy'>): Pick<OwnObject, 'kind' | 'name'> => {
  switch (step.kind) {
    case 'be.destroy':
      return { kind: 'be', name: step.name }
    case 'data.destroy':
      return { kind: 'data', name: step.name }
    case 'generation.destroy':
      return { kind: 'generation', name: step.name }
  }
}
