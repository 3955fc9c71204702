import type { BootEnvironment, Generation, Index } from '../model.ts'
import type { BeName, GenerationId } from '../names.ts'

/**
 * Generations that a boot environment descends from or that were taken from it, newest first: its own, then the one that it was cloned
 * from, then that one's ancestors, and so on.
 */
export const lineageOf = (index: Index, name: BeName): Generation[] => {
  const lineage: Generation[] = []
  let current: BeName | undefined = name
  let before = Number.POSITIVE_INFINITY
  const seen = new Set<BeName>()
  while (current !== undefined && !seen.has(current)) {
    seen.add(current)
    const here: BeName = current
    const limit = before
    lineage.push(...index.generations.filter((generation) => generation.takenFrom === here && generation.id < limit).toSorted((a, b) => b.id - a.id))
    const originId: GenerationId | null | undefined = index.bootEnvironments.find((be) => be.name === here)?.origin
    const origin = index.generations.find((generation) => generation.id === originId)
    if (origin !== undefined && origin.id < limit) lineage.push(origin)
    before = origin?.id ?? 0
    current = origin?.takenFrom
  }
  return lineage
}

/** Where `rollback` goes without a number: the version before the last upgrade of what runs; null when there was none. */
export const versionBeforeLastUpgrade = (index: Index, running: BeName): Generation | null => {
  const origin = index.bootEnvironments.find((be) => be.name === running)?.origin
  return lineageOf(index, running).find((generation) => generation.reason.kind === 'before-upgrade' && generation.id !== origin) ?? null
}

/**
 * The generation that a boot environment is nearest to: the one that it stands for, else the newest that was taken from it, else its origin. Null while
 * an upgrade of it is on trial: the version that it is then has not been taken yet.
 */
export const versionOf = (index: Index, be: BootEnvironment): number | null =>
  index.session?.be === be.name
    ? null
    : (be.standsFor ??
      index.generations.findLast((generation) => generation.takenFrom === be.name && generation.reason.kind !== 'before-upgrade')?.id ??
      be.origin)
