import type { Series } from '../lab/samples.ts'

/** What design asks for, as a rule over the two medians in milliseconds. */
export interface Target {
  readonly text: string
  readonly isReached: (belay: number, other: number) => boolean
}

/** belay beside one other tool, measured in turn on the same machine. */
export interface Comparison {
  readonly what: string
  readonly belay: Series
  readonly other: Series
  /** Null where the other is there for orientation alone. */
  readonly target: Target | null
}

export const atMostMore = (milliseconds: number): Target => ({
  text: `≤ + ${String(milliseconds)} ms`,
  isReached: (belay, other) => belay <= other + milliseconds,
})

export const atMostTimes = (factor: number): Target => ({ text: `≤ ${String(factor)} ×`, isReached: (belay, other) => belay <= other * factor })

export const atMost = (milliseconds: number): Target => ({ text: `≤ ${String(milliseconds)} ms`, isReached: (belay) => belay <= milliseconds })

export const ahead: Target = { text: 'ahead', isReached: (belay, other) => belay < other }
