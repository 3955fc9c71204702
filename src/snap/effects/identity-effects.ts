import type { Files } from '../../sys/ports.ts'
import type { Driver } from '../driver.ts'
import type { Effects } from '../executor.ts'
import { carryIdentity, readIdentity, takeBackIdentity } from '../identity.ts'

interface IdentityPorts {
  readonly files: Files
  readonly driver: Driver
  readonly stateDirectory: string
  /** The root that runs. */
  readonly root: string
}

const DIRECTORY = 'identity'

/** The step that gives a boot environment the machine's own files. Host keys are among them, so what was replaced goes neither into plan nor journal. */
export const identityEffects = ({ files, driver, stateDirectory, root }: IdentityPorts): Pick<Effects, 'identity.carry'> => {
  const directory = `${stateDirectory}/${DIRECTORY}`
  const keepAt = (plan: string, be: string): string => `${directory}/${plan}.${be}.json`
  return {
    'identity.carry': {
      apply: async (step) => {
        // Only one operation is under way at a time: what others left is of those that are over.
        const left = (await files.stat(directory)) === null ? [] : await files.list(directory)
        for (const name of left) if (!name.startsWith(`${step.plan}.`)) await files.remove(`${directory}/${name}`)
        await carryIdentity(files, await driver.beRootDirectory(step.be), await readIdentity(files, root, step.paths), keepAt(step.plan, step.be))
      },
      undo: async (step) => {
        const kept = keepAt(step.plan, step.be)
        // Nothing was kept: nothing was replaced, maybe because there is no such boot environment any more.
        if ((await files.stat(kept)) !== null) await takeBackIdentity(files, await driver.beRootDirectory(step.be), kept)
      },
    },
  }
}
