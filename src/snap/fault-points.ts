import type { Step } from './plan/step.ts'

/** Where tests make belay die or fail: nothing is known there but what is durable on disk. */
export interface FaultPoints {
  /** Called at every step boundary with the name of the point. Normally returns at once. */
  reach(point: string): Promise<void>
}

export const noFaults: FaultPoints = { reach: () => Promise.resolve() }

/** All points of a plan in the order in which a run that goes well meets them. */
export const faultPointsOf = (steps: readonly Pick<Step, 'id'>[]): string[] => [
  'plan.opened',
  ...steps.flatMap((step) => [`${step.id}.begun`, `${step.id}.applied`]),
  'plan.ended',
  'plan.closed',
]
