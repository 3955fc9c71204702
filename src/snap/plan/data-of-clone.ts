import { NotFoundError, RefusedError } from '../../errors.ts'
import type { BootEnvironment, DataUse, Generation, Volume } from '../model.ts'
import type { Numbering, PlanningState } from './state.ts'
import type { PlannedChange, PlannedDataUse, Step } from './step.ts'

/** The data volumes that a fresh clone mounts, and what makes those that do not exist yet. */
interface DataOfClone {
  readonly uses: readonly PlannedDataUse[]
  readonly steps: Step[]
  readonly changes: PlannedChange[]
}

const volumeOf = (state: PlanningState, be: BootEnvironment, use: DataUse): Volume => {
  const volume = state.index.data.find((candidate) => candidate.name === use.data)?.volume
  if (volume === undefined) throw new NotFoundError(`data volume ${use.data} of ${be.name} is not in the index`, { next: ['belay doctor'] })
  return volume
}

/** The very volumes that a boot environment uses. @throws NotFoundError when the index lacks one */
export const sharedData = (state: PlanningState, be: BootEnvironment): DataOfClone => ({
  uses: be.data.map((use) => ({ ...use, volume: volumeOf(state, be, use) })),
  steps: [],
  changes: [],
})

/** Whether the generation holds data of its own, so that --with-data can bring it back. */
export const holdsData = (generation: Generation): boolean => generation.members.some((member) => member.role === 'data')

/**
 * Copies of the data that the generation holds; where it holds none, the volumes that run now.
 * @throws RefusedError when the generation was taken without data
 */
export const restoredData = (state: PlanningState, generation: Generation, running: BootEnvironment, numbering: Numbering): DataOfClone => {
  if (!holdsData(generation)) {
    throw new RefusedError('no-data-in-generation', `generation ${String(generation.id)} was taken without data`, {
      next: [`belay show ${String(generation.id)}`, 'leave --with-data out   (forward then leads back to the data that its version had)'],
    })
  }
  const steps: Step[] = []
  const changes: PlannedChange[] = []
  const uses = running.data.map((use): PlannedDataUse => {
    const { mountpoint } = use
    const member = generation.members.find((candidate) => candidate.role === 'data' && candidate.mountpoint === mountpoint)
    if (member === undefined) return { ...use, volume: volumeOf(state, running, use) }
    const name = numbering.data()
    const volume = { step: `copy-${name}` }
    const why = `bring back ${mountpoint} as generation ${String(generation.id)} holds it`
    steps.push({ id: volume.step, kind: 'data.clone', name, from: member.volume, why })
    changes.push({ planned: 'add-data', draft: { name, role: 'data', mountpoint, format: generation.dataFormat, copyOf: generation.id }, volume })
    return { mountpoint, data: name, volume }
  })
  return { uses, steps, changes }
}

/** Data volumes in use of which the generation holds nothing: --with-data cannot take them back. */
export const dataNotHeld = (state: PlanningState, generation: Generation, running: BootEnvironment): string[] =>
  running.data.flatMap(({ mountpoint, data }) => {
    const isData = state.index.data.some((candidate) => candidate.name === data && candidate.role === 'data')
    return isData && !generation.members.some((member) => member.role === 'data' && member.mountpoint === mountpoint)
      ? [`generation ${String(generation.id)} holds nothing of ${mountpoint}, which stays as it is now`]
      : []
  })
