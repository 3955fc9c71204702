import type { Source } from '../driver.ts'
import type { BootEnvironment, Generation } from '../model.ts'
import type { BeName, GenerationId } from '../names.ts'
import { type PlanContext, type PlanningState, sourcesOf } from './state.ts'
import type { PlannedChange, PlannedDataUse, Step } from './step.ts'

interface CloneRequest {
  readonly state: PlanningState
  readonly context: PlanContext
  readonly generation: Generation
  readonly name: BeName
  /** Root and config of the clone; they need not all be the generation's. */
  readonly sources: readonly Source[]
  readonly data: readonly PlannedDataUse[]
  /** The generation that the clone holds unchanged, if it holds one so. */
  readonly standsFor: GenerationId | null
  readonly why: string
  /** Ends the ids of the steps, where a plan clones more than one. */
  readonly suffix?: string
}

/** Whose boot set is the one that the generation was taken with. What runs counts only while its boot set is what its /boot holds. */
export const holderOfBootSet = (state: PlanningState, generation: Generation): BootEnvironment | undefined =>
  state.index.bootEnvironments.find(
    ({ name, bootSet }) =>
      bootSet !== null &&
      (name !== state.running || state.bootSetInStep) &&
      bootSet.initrd.sha256 === generation.bootSet?.initrd.sha256 &&
      bootSet.vmlinuz.sha256 === generation.bootSet.vmlinuz.sha256,
  )

const bootSetFor = ({ state, generation, name, suffix = '' }: CloneRequest): Step => {
  const holder = holderOfBootSet(state, generation)
  const [id, root] = [`boot-set${suffix}`, { step: `clone${suffix}` }]
  return holder === undefined
    ? { id, kind: 'boot-set.build', be: name, root, why: `give ${name} a verified kernel and initrd from its own /boot` }
    : {
        id,
        kind: 'boot-set.share',
        from: holder.name,
        to: name,
        root,
        expected: generation.bootSet,
        why: `give ${name} a verified kernel and initrd`,
      }
}

/** A boot environment made from a generation: its clone, the data that it mounts and its boot set; the changes that record it belong into the plan's index step. */
export const cloneGeneration = (request: CloneRequest): { steps: Step[]; changes: PlannedChange[] } => {
  const { context, generation, name, sources, data, standsFor, why, suffix = '' } = request
  return {
    steps: [
      { id: `clone${suffix}`, kind: 'be.clone', name, sources, why },
      { id: `bind-data${suffix}`, kind: 'data.bind', be: name, uses: data, why: `write into ${name} which data it uses` },
      bootSetFor(request),
    ],
    changes: [
      {
        planned: 'add-be',
        draft: {
          name,
          createdAt: context.now,
          origin: generation.id,
          standsFor,
          data: data.map(({ mountpoint, data: used }) => ({ mountpoint, data: used })),
          confirmedAt: null,
        },
        members: { step: `clone${suffix}` },
        moreMembers: [],
        bootSet: { step: `boot-set${suffix}` },
        dataFormat: { value: generation.dataFormat },
      },
    ],
  }
}

/** The configuration that is taken along instead of the generation's own. */
export const sourcesKeepingConfig = (generation: Generation, running: BootEnvironment): Source[] => [
  ...sourcesOf(generation).filter((source) => source.role === 'root'),
  ...sourcesOf(running).filter((source) => source.role === 'config'),
]
