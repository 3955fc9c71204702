import type { BootEnvironment } from '../model.ts'
import { cloneGeneration } from './clone-generation.ts'
import { sharedData } from './data-of-clone.ts'
import { type Numbering, type PlanContext, type PlanningState, carryIdentity, runningBe, sourcesOf } from './state.ts'
import type { PlannedChange, Step } from './step.ts'

interface Replacement {
  readonly state: PlanningState
  readonly context: PlanContext
  readonly numbering: Numbering
  /** It was started, and stands for its generation no more: it stays, or is a version of its own. */
  readonly be: BootEnvironment
}

/** A generation can be started as long as it is there: where a boot environment stops standing for it, a new clone takes that place, unless another stands there. */
export const replaceStandby = ({ state, context, numbering, be }: Replacement): { readonly steps: Step[]; readonly changes: PlannedChange[] } => {
  const id = be.standsFor
  const generation = state.index.generations.find((candidate) => candidate.id === id)
  const another = state.index.bootEnvironments.some((other) => other.standsFor === id && other.name !== be.name)
  if (id === null || generation === undefined || another) return { steps: [], changes: [] }
  const name = numbering.be()
  const suffix = `-${name}`
  const clone = cloneGeneration({
    state,
    context,
    generation,
    name,
    sources: sourcesOf(generation),
    data: sharedData(state, runningBe(state)).uses,
    standsFor: id,
    why: `clone ${name}, so that generation ${String(id)} can be chosen again as it was`,
    suffix,
  })
  return { steps: [...clone.steps, carryIdentity(name, context, suffix)], changes: clone.changes }
}
