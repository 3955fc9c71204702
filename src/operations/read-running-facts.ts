import { BelayError } from '../errors.ts'
import type { Index } from '../snap/model.ts'
import type { Appliance } from './appliance.ts'
import { type RunningFacts, explainRunning } from './explain-running.ts'
import { readRunning, readRunningByPlace } from './read-planning-state.ts'

/** Why what runs does so, from what is written down now. Works without a readable index. */
export const readRunningFacts = async (appliance: Appliance): Promise<RunningFacts> => {
  let index: Index | null = null
  try {
    index = await appliance.index.readIfAny()
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
  }
  const { choice } = await appliance.boot.readChoice()
  const running = index === null ? await readRunningByPlace(appliance) : await readRunning(appliance, index)
  return explainRunning({ index, choice, running, bootId: appliance.bootId })
}
