import { carryIdentityToAll, findForeignIdentity } from '../carry-identity.ts'
import { findPathsLeftInRoot } from '../find-paths-left-in-root.ts'
import { isAtOrBelow } from '../../path-within.ts'
import { inTarget } from '../../snap/target.ts'
import { type Check, type Diagnosis, fixableNote, note, problem } from './finding.ts'

export const packages: Check = async (appliance) => {
  const state = await appliance.packages.state()
  return state.problems.map((found) => problem(`packages/${found.code}`, found.text, found.remedy))
}

export const leftInRoot: Check = async (appliance, { index, running }) => {
  if (running === null) return []
  const isData = (path: string): boolean => index.data.some(({ mountpoint }) => isAtOrBelow(path, mountpoint))
  return (await findPathsLeftInRoot(appliance)).flatMap(({ path, why }) =>
    // Data that is not mounted is another matter.
    isData(path)
      ? []
      : [
          note(
            'in-root',
            `${path} (${why}) lies in root and goes back with a version`,
            `name it under inRoot in /etc/belay/config.yaml, or give it a filesystem of its own`,
          ),
        ],
  )
}

/** What is written while a version's data is not mounted lands below its mount point, and is covered later. */
export const dataMounts: Check = async ({ driver, target }, { index, running }) => {
  const be = index.bootEnvironments.find(({ name }) => name === running)
  if (be === undefined || !target.live) return []
  const absent = await driver.absentPools()
  const found: Diagnosis[] = []
  for (const use of be.data) {
    const volume = index.data.find(({ name }) => name === use.data)?.volume
    if (volume === undefined || absent.includes(volume.pool)) continue
    if ((await driver.volumeAt(inTarget(target, use.mountpoint)))?.guid === volume.guid) continue
    found.push(
      problem(
        'data-not-mounted',
        `${use.mountpoint} does not show the data of ${be.name} (${volume.locator})`,
        `mount -a   (findmnt --target ${use.mountpoint} says what is there now)`,
      ),
    )
  }
  return found
}

/** Known at each boot and at each change of version; a host key that was made new in between is in the running version alone. */
export const identity: Check = async (appliance, { index, running }) =>
  (await findForeignIdentity(appliance, index, running)).map(({ be, paths }) => {
    const text = `${be} has ${paths.join(', ')} other than the machine has now`
    return fixableNote('identity', text, 'belay doctor --fix   (the next boot does it too)', async () => {
      await carryIdentityToAll(appliance, index, running)
    })
  })
