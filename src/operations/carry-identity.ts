import { NotFoundError } from '../errors.ts'
import { differencesIn, readIdentity, writeIdentity, type IdentityFile } from '../snap/identity.ts'
import type { Index } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import type { Appliance } from './appliance.ts'

/**
 * The machine's own files, from the boot environment that ran last. At the first look after a boot that is not the one that runs now, if another was started: a
 * standby that a person picked in the menu has them as they were when it was cloned, and must not bring old host keys back into the others.
 */
const readCurrentIdentity = async (appliance: Appliance, index: Index, running: BeName | null): Promise<IdentityFile[]> => {
  const last = index.lastStart?.be ?? null
  const before = last !== null && last !== running && index.bootEnvironments.some((be) => be.name === last) ? last : null
  const root = before === null ? appliance.target.root : await appliance.driver.beRootDirectory(before)
  return readIdentity(appliance.files, root, appliance.policy.identity)
}

/** Boot environments whose files that are the machine's own are not what they should be, and which files. */
export const findForeignIdentity = async (
  appliance: Appliance,
  index: Index,
  running: BeName | null,
): Promise<{ readonly be: BeName; readonly paths: readonly string[] }[]> => {
  const identity = await readCurrentIdentity(appliance, index, running)
  const found: { readonly be: BeName; readonly paths: readonly string[] }[] = []
  for (const { name } of index.bootEnvironments) {
    try {
      const paths = await differencesIn(appliance.files, await appliance.driver.beRootDirectory(name), identity)
      if (paths.length > 0) found.push({ be: name, paths })
    } catch (error) {
      // Of one that is missing doctor says so elsewhere.
      if (!(error instanceof NotFoundError)) throw error
    }
  }
  return found
}

/**
 * Bring every boot environment in step: those that GRUB falls back to or a person picks never go through a plan. No journal: each file is replaced whole, and
 * what a power cut leaves undone is done at the next boot. The lock must be held.
 * @returns the boot environments that were changed
 */
export const carryIdentityToAll = async (appliance: Appliance, index: Index, running: BeName | null): Promise<BeName[]> => {
  const identity = await readCurrentIdentity(appliance, index, running)
  const changed: BeName[] = []
  for (const be of index.bootEnvironments) {
    try {
      const paths = await writeIdentity(appliance.files, await appliance.driver.beRootDirectory(be.name), identity)
      if (paths.length > 0) changed.push(be.name)
    } catch (error) {
      // One that cannot be written must not keep the others from theirs; doctor names it.
      if (!(error instanceof Error)) throw error
      appliance.log.warn('a boot environment could not be given the machine-id and host keys', { be: be.name, error: error.message })
    }
  }
  return changed
}
