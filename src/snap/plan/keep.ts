import type { Plan } from './plan.ts'
import { type PlanContext, type PlanningState, basisOf, generationOf } from './state.ts'

/** Mark a generation so that no retention rule takes it, or take that mark off. */
export const planKeep = (state: PlanningState, request: { readonly id: number; readonly keep: boolean }, context: PlanContext): Plan => {
  const generation = generationOf(state.index, request.id)
  const unchanged = generation.keep === request.keep
  const title = `generation ${String(generation.id)} is ${request.keep ? 'kept' : 'no longer kept'}`
  return {
    format: 1,
    id: context.planId,
    operation: 'keep',
    madeAt: context.now,
    summary: title,
    basis: basisOf(state),
    checks: [],
    notices: unchanged ? [`${title} already`] : [],
    steps: unchanged
      ? []
      : [
          {
            id: 'record',
            kind: 'index.change',
            changes: [{ planned: 'change', change: { change: 'keep-generation', id: generation.id, keep: { from: generation.keep, to: request.keep } } }],
            why: title,
          },
          { id: 'menu', kind: 'menu.write', choice: state.choice, why: 'kept generations stay in front of the boot menu' },
        ],
    commit: unchanged ? null : 'record',
    escape: null,
  }
}
