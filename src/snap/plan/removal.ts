import { NotFoundError, RefusedError } from '../../errors.ts'
import type { BootEnvironment, Generation, Index, Remain } from '../model.ts'
import { BeName, DataName, GenerationName, generationName, numberOf } from '../names.ts'
import { GenerationId } from '../names.ts'
import type { Plan } from './plan.ts'
import { neededBes, protectionOf } from './protection.ts'
import { type PlanContext, type PlanningState, basisOf, generationOf, isUntouched, wasStarted } from './state.ts'
import type { PlannedChange, Step } from './step.ts'

/** What is to go. */
export interface Removal {
  readonly generations: readonly Generation[]
  readonly bes: readonly BootEnvironment[]
  /** What was let go earlier and could not be destroyed then. */
  readonly remains: readonly Remain[]
}

/** Data copies that only the boot environments about to go use. */
const orphanedData = (index: Index, removal: Removal): DataName[] => {
  const gone = new Set(removal.bes.map((be) => be.name))
  const used = new Set(index.bootEnvironments.filter((be) => !gone.has(be.name)).flatMap((be) => be.data.map((use) => use.data)))
  return [...new Set(removal.bes.flatMap((be) => be.data.map((use) => use.data)))].filter((name) => !used.has(name))
}

/** What a person would miss: paths of the customer's whose last user goes. */
const dataNotices = (index: Index, names: readonly DataName[], removal: Removal): string[] =>
  names.flatMap((name) => {
    const data = index.data.find((candidate) => candidate.name === name)
    const users = removal.bes.filter((be) => be.data.some((use) => use.data === name)).map((be) => be.name)
    return data === undefined ? [] : [`${data.mountpoint} as ${users.join(' and ')} had it (${name}) is gone with it, with all that was written there`]
  })

/** What a person would not see: paths of the customer's that no version has in use any more, but standbys share that were never started. */
const sharedDataNotices = (state: PlanningState, { bes }: Removal): string[] => {
  const { index } = state
  const gone = new Set(bes.map(({ name }) => name))
  return index.data.flatMap(({ name, role, mountpoint }) => {
    const users = index.bootEnvironments.filter((be) => be.data.some((use) => use.data === name))
    const stay = users.filter((be) => !gone.has(be.name))
    const go = users.filter((be) => gone.has(be.name) && !isUntouched(state, be)).map((be) => be.name)
    return role !== 'data' || go.length === 0 || stay.length === 0 || !stay.every((be) => isUntouched(state, be))
      ? []
      : [`${mountpoint} as ${go.join(' and ')} had it (${name}) is left with ${stay.map((be) => be.name).join(' and ')} alone, never started so far`]
  })
}

/** A standby that was started is more than a copy of its generation. */
const startedNotices = (removal: Removal): string[] =>
  removal.bes.filter(wasStarted).map((be) => `${be.name} was started since it was cloned; what was written into it goes with it`)

/** A step that destroys what remained of an earlier removal; none for a name that this belay does not know. */
const destroyRemain = ({ name }: Remain): Step[] => {
  const why = `destroy ${name}, which was let go earlier`
  const [be, data, generation] = [BeName.safeParse(name), DataName.safeParse(name), GenerationName.safeParse(name)]
  if (be.success) return [{ id: `destroy-${name}`, kind: 'be.destroy', name: be.data, why }]
  if (data.success) return [{ id: `destroy-${name}`, kind: 'data.destroy', name: data.data, why }]
  if (generation.success)
    return [{ id: `destroy-${name}`, kind: 'generation.destroy', name: generation.data, generation: GenerationId.parse(numberOf(generation.data)), why }]
  return []
}

/** The plan that takes things out of the index and the menu, and destroys them. What cannot be destroyed then stays recorded as what remains. */
export const removalPlan = (state: PlanningState, removal: Removal, about: Pick<Plan, 'operation' | 'summary' | 'notices'>, context: PlanContext): Plan => {
  const { index } = state
  const data = orphanedData(index, removal)
  const left = index.left.filter((id) => !removal.generations.some((generation) => generation.id === id))
  const since = context.now
  const remain = (kind: Remain['kind'], name: string): Remain => ({ kind, name, since })
  const before = index.remains ?? []
  const removed: Remain[] = [
    ...removal.bes.map(({ name }) => remain('be', name)),
    ...data.map((name) => remain('data', name)),
    ...removal.generations.map(({ id }) => remain('generation', generationName(id))),
  ]
  const isEmpty = removed.length + removal.remains.length === 0
  const changes: PlannedChange[] = [
    ...removal.generations.map((generation): PlannedChange => ({ planned: 'change', change: { change: 'remove-generation', id: generation.id } })),
    ...removal.bes.map((be): PlannedChange => ({ planned: 'change', change: { change: 'remove-be', name: be.name } })),
    ...data.map((name): PlannedChange => ({ planned: 'change', change: { change: 'remove-data', name } })),
    ...(left.length === index.left.length
      ? []
      : [{ planned: 'change', change: { change: 'left', left: { from: index.left, to: left } } } satisfies PlannedChange]),
    { planned: 'change', change: { change: 'remains', remains: { from: before, to: [...before, ...removed] } } },
  ]
  const steps: Step[] = isEmpty
    ? []
    : [
        { id: 'record', kind: 'index.change', changes, why: 'take them out of the index first: from here on nothing offers them' },
        { id: 'menu', kind: 'menu.write', choice: state.choice, why: 'take them out of the boot menu' },
        ...removal.bes.flatMap((be): Step[] => [
          { id: `remove-boot-set-${be.name}`, kind: 'boot-set.remove', be: be.name, why: `free the boot set of ${be.name}` },
          { id: `destroy-${be.name}`, kind: 'be.destroy', name: be.name, why: `destroy ${be.name}` },
        ]),
        ...data.map((name): Step => ({ id: `destroy-${name}`, kind: 'data.destroy', name, why: `destroy ${name}, a copy that nothing uses any more` })),
        ...removal.generations.map((generation): Step => ({
          id: `destroy-${generationName(generation.id)}`,
          kind: 'generation.destroy',
          name: generationName(generation.id),
          generation: generation.id,
          why: `destroy generation ${String(generation.id)}`,
        })),
        ...removal.remains.flatMap(destroyRemain),
        { id: 'settle', kind: 'remains.settle', why: 'record what is gone' },
      ]
  return {
    format: 1,
    id: context.planId,
    operation: about.operation,
    madeAt: context.now,
    summary: about.summary,
    basis: basisOf(state),
    checks: [{ name: 'protected versions', detail: 'none of the factory, kept, last confirmed or needed ones is among them' }],
    notices: [...about.notices, ...startedNotices(removal), ...dataNotices(index, data, removal), ...sharedDataNotices(state, removal)],
    steps,
    commit: isEmpty ? null : 'record',
    escape: null,
  }
}

/** The boot environments that go with generations: those that stand for them and are neither running nor what GRUB starts. */
export const besOf = (state: PlanningState, generations: readonly Generation[]): BootEnvironment[] => {
  const needed = neededBes(state.choice, state.running, state.index)
  return state.index.bootEnvironments.filter((be) => generations.some((generation) => generation.id === be.standsFor) && !needed.has(be.name))
}

/** Delete generations that were named. @throws RefusedError for a protected one, NotFoundError for one that is not there. */
export const planDelete = (state: PlanningState, request: { readonly ids: readonly number[] }, context: PlanContext): Plan => {
  const generations = [...new Set(request.ids)].map((id) => generationOf(state.index, id))
  if (generations.length === 0) throw new NotFoundError('no generation was named', { next: ['belay list'] })
  for (const generation of generations) {
    const protection = protectionOf(state, generation, context.now)
    if (protection !== null) throw new RefusedError(`protected/${protection.code}`, protection.why, { next: [protection.next] })
  }
  const names = generations.map((generation) => String(generation.id)).join(', ')
  const summary = generations.length === 1 ? `generation ${names} is gone for good` : `generations ${names} are gone for good`
  return removalPlan(state, { generations, bes: besOf(state, generations), remains: [] }, { operation: 'delete', summary, notices: [] }, context)
}
