import { RefusedError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'
import type { OwnObject } from '../snap/driver.ts'
import type { Plan } from '../snap/plan/plan.ts'
import { type InUse, planDelete, planPrune } from '../snap/plan/retention.ts'
import type { StepOf } from '../snap/plan/step.ts'
import type { Appliance } from './appliance.ts'
import { type Conversation, type OperationResult, runOperation } from './run-operation.ts'

/** `belay delete`: generations that were named. */
export const deleteGenerations = (appliance: Appliance, ids: readonly number[], conversation: Conversation): Promise<OperationResult> =>
  runOperation(appliance, 'delete', (state, context) => refuseInUse(appliance, planDelete(state, { ids }, context)), conversation, { usesReserve: true })

/** `belay prune`: what the retention rule lets go. */
export const pruneGenerations = (appliance: Appliance, rule: Partial<Policy['retention']>, conversation: Conversation): Promise<OperationResult> =>
  runOperation(
    appliance,
    'prune',
    (state, context) => pruneAround(appliance, (inUse) => planPrune(state, { ...appliance.policy.retention, ...rule }, context, inUse)),
    conversation,
    { usesReserve: true },
  )

/** A rule takes what it can: what is in use stays, with a notice, and the rest goes. */
const pruneAround = async (appliance: Appliance, planWithout: (inUse: InUse) => Plan): Promise<Plan> => {
  const inUse = new Map<string, string>()
  for (;;) {
    const plan = planWithout(inUse)
    const known = inUse.size
    for (const { name, refusal } of await refusalsOf(appliance, plan)) inUse.set(name, refusal.message)
    if (inUse.size === known) return plan
  }
}

/** The index forgets everything before the first of it is destroyed, so what cannot be destroyed must be known before. @throws RefusedError */
const refuseInUse = async (appliance: Appliance, plan: Plan): Promise<Plan> => {
  const [first] = await refusalsOf(appliance, plan)
  if (first !== undefined) throw first.refusal
  return plan
}

/** What of a plan's objects could not be destroyed now. */
const refusalsOf = async ({ driver }: Appliance, plan: Plan): Promise<{ readonly name: string; readonly refusal: RefusedError }[]> => {
  const found: { readonly name: string; readonly refusal: RefusedError }[] = []
  for (const step of plan.steps) {
    if (step.kind !== 'be.destroy' && step.kind !== 'data.destroy' && step.kind !== 'generation.destroy') continue
    try {
      await driver.checkDestroy(objectOf(step))
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
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
