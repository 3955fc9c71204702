import { readPlanningState } from '../../src/operations/read-planning-state.ts'
import { openAppliance } from '../../src/runtime.ts'
import type { Driver, Source } from '../../src/snap/driver.ts'
import type { IndexChange } from '../../src/snap/index-change.ts'
import type { Member } from '../../src/snap/model.ts'
import { type GenerationId, type GenerationName, generationName } from '../../src/snap/names.ts'
import { dataSourcesOf, Numbering, runningBe, sourcesOf } from '../../src/snap/plan/state.ts'
import { atOnce } from '../../tools/at-once.ts'

/** How many are made at a time: their snapshots share commits of the filesystem. */
const AT_A_TIME = 8

export interface ManyGenerations {
  /** How many there are to be in all. */
  readonly count: number
  /** How many volumes each holds at most: root, configuration, then data. */
  readonly volumes: number
  /** Give each a boot environment to start it. */
  readonly standbys: boolean
}

/** Takes a generation of each name. Gives their members, in that order. */
export type TakeAll = (driver: Driver, names: readonly GenerationName[], sources: readonly Source[]) => Promise<readonly (readonly Member[])[]>

const takeByDriver: TakeAll = (driver, names, sources) => atOnce(AT_A_TIME, names, (name) => driver.takeGeneration(name, sources))

/**
 * What `belay snapshot` makes, by the same driver and stores, with all records written at once: generations with their manifests. The standbys have the running
 * version's boot set in the index, as theirs would be links to the same files.
 * @param root of an appliance that belay adopted
 */
export const takeManyGenerations = async (root: string, { count, volumes, standbys }: ManyGenerations, takeAll = takeByDriver): Promise<void> => {
  const { appliance, close } = await openAppliance({ root })
  try {
    const { driver, index, manifests, describer } = appliance
    const state = await readPlanningState(appliance)
    const [numbering, be] = [new Numbering(state), runningBe(state)]
    const { bootSet, data } = be
    const sources = [...sourcesOf(be), ...dataSourcesOf(state.index, be)].slice(0, volumes)
    const { installed, packages, dataFormat } = await describer.describe(root)
    const ids = Array.from({ length: Math.max(count - state.index.generations.length, 0) }, () => numbering.generation())
    const taken = await takeAll(
      driver,
      ids.map((id) => generationName(id)),
      sources,
    )
    const record = async ([position, id]: readonly [number, GenerationId]): Promise<IndexChange[]> => {
      const createdAt = appliance.clock.now().toISOString()
      const members = [...(taken[position] ?? [])]
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
      const ofGeneration = {
        parent: be.origin,
        takenFrom: be.name,
        by,
        atomic: driver.atomicSets,
        members,
        packages,
        health: 'confirmed',
        keep: false,
      } as const
      const generation: IndexChange = { change: 'add-generation', record: { id, reason, ...ofGeneration, ...common } }
      if (!standbys) return [generation]
      const standby = numbering.be()
      const standbyMembers = [...(await driver.cloneBe(standby, sourcesOf({ members })))]
      const ofStandby = { name: standby, origin: id, standsFor: id, members: standbyMembers, data, confirmedAt: null } as const
      return [generation, { change: 'add-be', record: { ...ofStandby, ...common } }]
    }
    const changes = await atOnce(AT_A_TIME, [...ids.entries()], record)
    await index.change(changes.flat())
  } finally {
    await close()
  }
}
