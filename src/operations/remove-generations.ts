import { BelayError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'
import type { GenerationId } from '../snap/names.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { planDelete } from '../snap/plan/removal.ts'
import type { PlanningState } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { makeRoom, planRetention } from './carry-out-retention.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'
import { refusalsOf } from './undestroyable.ts'

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
    runOperation(
      appliance,
      'prune',
      async (state, context) => planRetention(appliance, state, rule, context, await readBytes(appliance, state)),
      conversation,
      {
        usesReserve: true,
        afterwards: () => makeRoom(appliance, rule),
      },
    ),
  )
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

/** @throws BelayError for the first object that cannot be destroyed now: who named it is told, before anything goes */
const refuseInUse = async (appliance: Appliance, plan: Plan): Promise<Plan> => {
  const [first] = await refusalsOf(appliance, plan)
  if (first !== undefined) throw first.refusal
  return plan
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
