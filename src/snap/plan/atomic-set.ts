import type { Volume } from '../model.ts'

/**
 * Whether members that are taken in one call are of one instant: one alone is, and so are several of one pool where the driver takes sets at once. Pools are
 * taken one after the other.
 */
export const isAtomicSet = (pools: readonly Volume['pool'][], atomicSets: boolean): boolean => pools.length === 1 || (atomicSets && new Set(pools).size === 1)
