import { BelayError, NotFoundError } from '../errors.ts'
import { isTemporaryName } from '../sys/temporary-name.ts'
import type { Appliance } from './appliance.ts'

/** Where belay's records are replaced as whole files, below its state. */
const RECORDS = ['.', 'generations', 'identity', 'journal'] as const

/**
 * Removes what a power cut leaves of a file or a boot set that was to take another's place: the kernel may have written it, and lost its new name.
 * The lock must be held: whoever writes there holds it.
 */
export const sweepLeftovers = async ({ boot, stateDirectory, files, log }: Pick<Appliance, 'boot' | 'stateDirectory' | 'files' | 'log'>): Promise<void> => {
  const namesIn = (directory: string): Promise<string[]> =>
    files.list(directory).catch((error: unknown) => {
      if (error instanceof NotFoundError) return []
      throw error
    })
  try {
    for (const directory of [...RECORDS.map((name) => `${stateDirectory}/${name}`), ...boot.directories]) {
      for (const name of await namesIn(directory)) if (isTemporaryName(name)) await files.remove(`${directory}/${name}`)
    }
    await boot.removeOrphans()
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    log.warn('what a power cut left could not be removed', { error: error.message })
  }
}
