import type { Appliance } from '../../demo/appliance/appliance.ts'
import type { IndexChange } from '../../src/snap/index-change.ts'
import { generationName } from '../../src/snap/names.ts'
import { Numbering, runningBe, sourcesOf } from '../../src/snap/plan/state.ts'
import { readPlanningState } from '../../src/operations/read-planning-state.ts'
import { openAppliance } from '../../src/runtime.ts'
import { Snapper } from '../peers/snapper.ts'
import type { Lab } from './lab.ts'

/** An appliance with many generations of root alone, and another with as many snapshots of snapper's: belay asks btrfs for every subvolume there is. */
export const appliancesWithManyVersions = async (
  lab: Lab,
  count: number,
): Promise<{ readonly adopted: Appliance; readonly peer: Appliance; readonly snapper: Snapper }> => {
  const adopted = await lab.adoptedAppliance({ rootAlone: true })
  await takeManyGenerations(adopted, count)
  const peer = await lab.adoptedAppliance()
  const snapper = await Snapper.make(peer)
  await snapper.fill(count)
  return { adopted, peer, snapper }
}

/** How many are made at a time: their snapshots share commits of the filesystem. */
const AT_A_TIME = 8

/**
 * What `belay snapshot` makes, by the same driver and stores, with all records written at once: generations with their manifests, each with its standby. The standbys
 * have the running version's boot set in the index, as theirs would be links to the same files.
 */
const takeManyGenerations = async ({ root }: Appliance, count: number): Promise<void> => {
  const { appliance, close } = await openAppliance({ root })
  try {
    const { driver, index, manifests, describer } = appliance
    const state = await readPlanningState(appliance)
    const [numbering, be] = [new Numbering(state), runningBe(state)]
    const { bootSet, data } = be
    const { installed, packages, dataFormat } = await describer.describe(root)
    const takeOne = async (): Promise<IndexChange[]> => {
      const [id, standby] = [numbering.generation(), numbering.be()]
      const createdAt = appliance.clock.now().toISOString()
      const members = [...(await driver.takeGeneration(generationName(id), sourcesOf(be)))]
      const standbyMembers = [...(await driver.cloneBe(standby, sourcesOf({ members })))]
      await manifests.write({
        format: 1,
        generation: id,
        createdAt,
        dataFormat,
        packages: installed.map(({ name, arch, version }) => ({ name, arch, version })),
        decisions: [],
      })
      const reason = { kind: 'manual', text: `before change ${String(id)}` }
      const by = { uid: 0, user: 'root' }
      const common = { createdAt, bootSet, dataFormat }
      return [
        {
          change: 'add-generation',
          record: { id, reason, parent: be.origin, takenFrom: be.name, by, atomic: false, members, packages, health: 'confirmed', keep: false, ...common },
        },
        { change: 'add-be', record: { name: standby, origin: id, standsFor: id, members: standbyMembers, data, confirmedAt: null, ...common } },
      ]
    }
    const changes: IndexChange[] = []
    for (let missing = count - state.index.generations.length; missing > 0; missing -= AT_A_TIME) {
      const batch = await Promise.all(Array.from({ length: Math.min(missing, AT_A_TIME) }, takeOne))
      changes.push(...batch.flat())
    }
    await index.change(changes)
  } finally {
    await close()
  }
}
