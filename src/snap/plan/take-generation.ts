import type { BootEnvironment, DataUse, Generation, Hold, Volume } from '../model.ts'
import { type BeName, type GenerationId, generationName } from '../names.ts'
import { isAtomicSet } from './atomic-set.ts'
import { holdText } from './hold.ts'
import { type Quiesce, quiesceSteps } from './quiesce.ts'
import { type Numbering, type PlanContext, type PlanningState, dataSourcesOf, sourcesOf } from './state.ts'
import type { PlannedChange, PlannedDataUse, Step } from './step.ts'

interface TakeRequest {
  readonly state: PlanningState
  readonly context: PlanContext
  readonly numbering: Numbering
  readonly be: BootEnvironment
  readonly reason: Generation['reason']
  readonly withData: boolean
  /** Null: retention rules decide. */
  readonly hold: Hold | null
  readonly health: Generation['health']
  /** Clone a standby boot environment from it; a generation that is left by a rollback has the boot environment itself. */
  readonly standby: boolean
  /** Whether the driver takes several members of a pool at one instant. */
  readonly atomic: boolean
  /** Units to stop meanwhile, where that was asked for. */
  readonly quiesce?: Quiesce | null
  /** Ends the ids of the steps, where a plan takes more than one. */
  readonly suffix?: string
}

interface TakeSteps {
  readonly id: GenerationId
  readonly standby: BeName | null
  readonly steps: Step[]
  readonly changes: PlannedChange[]
}

/** Remake config members that a package's purge removed, or that became plain directories, before they are taken. */
const remakeConfig = (state: PlanningState, be: BootEnvironment): { steps: Step[]; changes: PlannedChange[] } => {
  if (state.plainConfig.length === 0) return { steps: [], changes: [] }
  const steps = state.plainConfig
    .toSorted((a, b) => a.length - b.length)
    .map((mountpoint, position): Step => ({
      id: `remake-config-${String(position + 1)}`,
      kind: 'config.carve',
      be: be.name,
      mountpoint,
      why: `make ${mountpoint} a filesystem of its own again`,
    }))
  return { steps, changes: [{ planned: 'be-members', name: be.name, from: be.members, remade: steps.map((step) => ({ step: step.id })) }] }
}

/**
 * Steps that take a generation of a boot environment, with its standby and that standby's boot set; the changes that record them belong
 * into the index step of the plan that asks.
 */
export const takeGeneration = (request: TakeRequest): TakeSteps => {
  const { state, context, numbering, be, reason, withData, hold, health, quiesce: asked = null, suffix = '' } = request
  const id = numbering.generation()
  const remade = remakeConfig(state, be)
  const remadePaths = new Set(state.plainConfig)
  const sources = [...sourcesOf(be).filter((source) => !remadePaths.has(source.mountpoint)), ...(withData ? dataSourcesOf(state.index, be) : [])]
  const steps: Step[] = [...remade.steps]
  const changes: PlannedChange[] = [...remade.changes]
  if (!state.bootSetInStep) {
    steps.push({
      id: 'refresh-boot-set',
      kind: 'boot-set.build',
      be: be.name,
      root: volumeOfRoot(be),
      why: `bring the boot set of ${be.name} in step with its /boot`,
    })
    changes.push({ planned: 'be-boot-set', name: be.name, from: be.bootSet, bootSet: { step: 'refresh-boot-set' } })
  }
  const standby = request.standby ? numbering.be() : null
  const copies = standby === null || !withData ? [] : copyData(state, be, standby, id, numbering)
  const quiesce = asked === null ? null : quiesceSteps(asked, id, suffix)
  steps.push(
    ...(quiesce?.before ?? []),
    {
      id: `take-generation${suffix}`,
      kind: 'generation.take',
      name: generationName(id),
      sources,
      remade: remade.steps.map((step) => ({ step: step.id })),
      why: `snapshot ${[...sources.map((source) => source.mountpoint), ...state.plainConfig].join(', ')} as generation ${String(id)}`,
    },
    // Of the same data as the snapshots: before anything that was stopped for them writes again.
    ...copies.map(({ step }) => step),
    ...(quiesce?.after ?? []),
    ...(hold === null
      ? []
      : [{ id: `hold${suffix}`, kind: 'generation.hold', name: generationName(id), from: null, to: hold, why: `keep it ${holdText(hold)}` } as const]),
    {
      id: `describe-generation${suffix}`,
      kind: 'generation.describe',
      generation: id,
      members: { step: `take-generation${suffix}` },
      ...(quiesce === null ? {} : { quiesced: quiesce.planned }),
      why: 'record which packages and versions it holds',
    },
  )
  changes.push({
    planned: 'add-generation',
    draft: {
      id,
      createdAt: context.now,
      reason,
      parent: be.origin,
      takenFrom: be.name,
      by: { uid: context.actor.uid, user: context.actor.user },
      atomic: isAtomicSet([...sources.map((source) => source.volume.pool), ...state.plainConfig.map(() => volumeOfRoot(be).pool)], request.atomic),
      health,
      keep: hold !== null,
      ...(hold === null ? {} : { hold }),
    },
    members: { step: `take-generation${suffix}` },
    description: { step: `describe-generation${suffix}` },
    bootSet: state.bootSetInStep ? null : { step: 'refresh-boot-set' },
    sharesBootSetOf: be.bootSet,
  })
  if (standby === null) return { id, standby, steps, changes }

  changes.push(...copies.map(({ change }) => change))
  const planned = planDataUses(state, be).map((use): PlannedDataUse => copies.find((copy) => copy.use.mountpoint === use.mountpoint)?.use ?? use)
  steps.push(
    {
      id: 'clone-standby',
      kind: 'be.clone',
      name: standby,
      sources: { step: `take-generation${suffix}` },
      why: `clone ${standby}, which starts generation ${String(id)}`,
    },
    ...(copies.length === 0
      ? []
      : [{ id: 'bind-standby-data', kind: 'data.bind', be: standby, uses: planned, why: `let ${standby} mount its own copy of the data` } as const]),
    {
      id: 'share-boot-set',
      kind: 'boot-set.share',
      from: be.name,
      to: standby,
      root: { step: 'clone-standby' },
      why: `give ${standby} a verified kernel and initrd`,
    },
  )
  changes.push({
    planned: 'add-be',
    draft: {
      name: standby,
      createdAt: context.now,
      origin: id,
      standsFor: id,
      data: planned.map((use) => ({ mountpoint: use.mountpoint, data: use.data })),
      confirmedAt: null,
    },
    members: { step: 'clone-standby' },
    moreMembers: [],
    bootSet: { step: 'share-boot-set' },
    dataFormat: { step: `describe-generation${suffix}` },
  })
  return { id, standby, steps, changes }
}

const volumeOfRoot = (be: BootEnvironment) => {
  const root = be.members.find((member) => member.role === 'root')
  if (root === undefined) throw new Error(`${be.name} has no root`)
  return root.volume
}

const planDataUses = (state: PlanningState, be: BootEnvironment): (DataUse & { readonly volume: Volume })[] =>
  be.data.flatMap((use) => {
    const data = state.index.data.find((candidate) => candidate.name === use.data)
    return data === undefined ? [] : [{ mountpoint: use.mountpoint, data: data.name, volume: data.volume }]
  })

/** A copy of each data volume for the standby, so that it starts with the data that the generation holds. */
const copyData = (
  state: PlanningState,
  be: BootEnvironment,
  standby: BeName,
  id: GenerationId,
  numbering: Numbering,
): { readonly step: Step; readonly change: PlannedChange; readonly use: PlannedDataUse }[] =>
  dataSourcesOf(state.index, be).map(({ mountpoint, volume: from }) => {
    const name = numbering.data()
    const format = state.index.data.find((data) => data.volume.guid === from.guid)?.format ?? null
    const volume = { step: `copy-${name}` }
    return {
      step: { id: volume.step, kind: 'data.clone', name, from, why: `give ${standby} its own copy of ${mountpoint}` },
      change: { planned: 'add-data', draft: { name, role: 'data', mountpoint, format, copyOf: id }, volume },
      use: { mountpoint, data: name, volume },
    }
  })
