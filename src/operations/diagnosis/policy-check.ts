import { BelayError } from '../../errors.ts'
import { POLICY_MISSING, parsePolicy } from '../../policy/policy.ts'
import type { Index } from '../../snap/model.ts'
import { pathInside } from '../../snap/path-inside.ts'
import { CONFIG_FILE } from '../../snap/target.ts'
import type { Appliance } from '../appliance.ts'
import { type Diagnosis, fixable, problem } from './finding.ts'

/** The newest boot environment that has a policy, with its text. */
const findPolicy = async ({ driver, files }: Appliance, index: Index): Promise<{ readonly be: string; readonly text: string } | null> => {
  for (const { name } of index.bootEnvironments.toReversed()) {
    try {
      const path = await pathInside(files, await driver.beRootDirectory(name), CONFIG_FILE)
      if ((await files.stat(path))?.kind !== 'file') continue
      const text = await files.readText(path)
      parsePolicy(text, path)
      return { be: name, text }
    } catch (error) {
      if (!(error instanceof BelayError)) throw error
    }
  }
  return null
}

/** A policy that cannot be read, or that is gone: the owner's, or the one that another version has. */
export const checkPolicy = async (appliance: Appliance, index: Index | null): Promise<Diagnosis[]> => {
  const { policyProblem, files, target } = appliance
  if (policyProblem === null) return []
  const found = policyProblem instanceof BelayError && policyProblem.code === POLICY_MISSING && index !== null ? await findPolicy(appliance, index) : null
  if (found === null) return [problem('policy', policyProblem.message, `edit ${CONFIG_FILE}   (man belay-config.yaml names every key)`)]
  return [
    fixable('policy', `${CONFIG_FILE} is missing; ${found.be} has one`, async () => {
      const path = await pathInside(files, target.root, CONFIG_FILE)
      await files.makeDirectory(path.slice(0, path.lastIndexOf('/')), 0o755)
      await files.writeAtomic(path, found.text, 0o644)
    }),
  ]
}
