import { carryIdentityToAll, findForeignIdentity } from '../carry-identity.ts'
import { findPathsLeftInRoot } from '../find-paths-left-in-root.ts'
import { type Check, fixableNote, note, problem } from './finding.ts'

export const packages: Check = async (appliance) => {
  const state = await appliance.packages.state()
  return state.problems.map((found) => problem(`packages/${found.code}`, found.text, found.remedy))
}

export const leftInRoot: Check = async (appliance, { running }) =>
  running === null
    ? []
    : (await findPathsLeftInRoot(appliance)).map(({ path, why }) =>
        note(
          'in-root',
          `${path} (${why}) lies in root and goes back with a version`,
          `name it under inRoot in /etc/belay/config.yaml, or give it a filesystem of its own`,
        ),
      )

/** Known at each boot and at each change of version; a host key that was made new in between is in the running version alone. */
export const identity: Check = async (appliance, { index, running }) =>
  (await findForeignIdentity(appliance, index, running)).map(({ be, paths }) => {
    const text = `${be} has ${paths.join(', ')} other than the machine has now`
    return fixableNote('identity', text, 'belay doctor --fix   (the next boot does it too)', async () => {
      await carryIdentityToAll(appliance, index, running)
    })
  })
