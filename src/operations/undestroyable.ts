import { BelayError } from '../errors.ts'
import type { OwnObject } from '../snap/driver.ts'
import type { Plan } from '../snap/plan/plan.ts'
import type { StepOf } from '../snap/plan/step.ts'
import type { Appliance } from './appliance.ts'

/** What of a plan's objects could not be destroyed now. */
export const refusalsOf = async ({ driver }: Appliance, plan: Plan): Promise<{ readonly name: string; readonly refusal: BelayError }[]> => {
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
