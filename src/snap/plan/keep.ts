import type { Hold } from '../model.ts'
import { generationName } from '../names.ts'
import { holdText } from './hold.ts'
import type { Plan } from './plan.ts'
import { type PlanContext, type PlanningState, basisOf, generationOf } from './state.ts'

export interface KeepRequest {
  readonly id: number
  /** Null takes the mark off. */
  readonly hold: Hold | null
}

const isSame = (a: Hold | null, b: Hold | null): boolean => a?.owner === b?.owner && a?.until === b?.until

/** Mark a generation so that no retention rule takes it, or take that mark off. */
export const planKeep = (state: PlanningState, request: KeepRequest, context: PlanContext): Plan => {
  const generation = generationOf(state.index, request.id)
  const before = { keep: generation.keep, hold: generation.hold ?? null }
  const after = { keep: request.hold !== null, hold: request.hold }
  const unchanged = before.keep === after.keep && isSame(before.hold, after.hold)
  const title = `generation ${String(generation.id)} is ${after.hold === null ? 'no longer kept' : `kept ${holdText(after.hold)}`}`
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
            id: 'hold',
            kind: 'generation.hold',
            name: generationName(generation.id),
            from: before.hold,
            to: after.hold,
            why: after.hold === null ? 'let other programs destroy it too' : 'let no other program destroy it, where the pool can see to that',
          },
          {
            id: 'record',
            kind: 'index.change',
            changes: [
              {
                planned: 'change',
                change: {
                  change: 'keep-generation',
                  id: generation.id,
                  keep: { from: before.keep, to: after.keep },
                  hold: { from: before.hold, to: after.hold },
                },
              },
            ],
            why: title,
          },
          { id: 'menu', kind: 'menu.write', choice: state.choice, why: 'kept generations stay in front of the boot menu' },
        ],
    commit: unchanged ? null : 'record',
    escape: null,
  }
}
