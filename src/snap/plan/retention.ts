import { NotFoundError, RefusedError } from '../../errors.ts'
import { type BootChoice, nextBoot } from '../../boot/boot-choice.ts'
import type { Policy } from '../../policy/policy.ts'
import type { BootEnvironment, Generation, Index } from '../model.ts'
import { type BeName, type DataName, type GenerationId, generationName } from '../names.ts'
import { isKept, keptText } from './hold.ts'
import type { Plan } from './plan.ts'
import { type PlanContext, type PlanningState, basisOf, generationOf, wasStarted } from './state.ts'
import type { PlannedChange, Step } from './step.ts'

/** Boot environments that GRUB may start by itself, or that run now. */
const neededBes = (choice: BootChoice, running: BeName | null, index: Index): ReadonlySet<BeName> =>
  new Set(
    [choice.good, choice.trial, choice.once, nextBoot(choice).be, running, index.session?.be ?? null, index.session?.fallback ?? null].filter(
      (name) => name !== null,
    ),
  )

const lastConfirmed = (index: Index): GenerationId | null => index.generations.findLast((generation) => generation.health === 'confirmed')?.id ?? null

/** Why a generation survives every retention rule; null when it does not. */
const protectionOf = (
  state: PlanningState,
  generation: Generation,
  now: string,
): { readonly code: string; readonly why: string; readonly next: string } | null => {
  const { index } = state
  const id = String(generation.id)
  if (index.factory === generation.id)
    return { code: 'factory', why: `generation ${id} is the factory generation, which stays as long as the appliance`, next: 'belay list' }
  if (isKept(generation, now)) return { code: 'kept', why: `generation ${id} is ${keptText(generation) ?? 'kept'}`, next: `belay keep ${id} --off` }
  if (lastConfirmed(index) === generation.id)
    return {
      code: 'last-confirmed',
      why: `generation ${id} is the last confirmed one`,
      next: index.session?.phase === 'failed' ? 'systemctl reboot' : 'belay snapshot, then try again',
    }
  if (index.session?.generation === generation.id)
    return { code: 'session', why: `generation ${id} is the restore point of the open upgrade`, next: 'belay confirm' }
  const standing = index.bootEnvironments.find(
    (be) => be.standsFor === generation.id && neededBes(state.choice, state.running, index).has(be.name) && be.name !== state.running,
  )
  if (standing !== undefined)
    return { code: 'boots', why: `generation ${id} is what GRUB starts as ${standing.name}`, next: 'belay confirm, or choose another version first' }
  return null
}

interface Removal {
  readonly generations: readonly Generation[]
  readonly bes: readonly BootEnvironment[]
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

/** A standby that was started is more than a copy of its generation. */
const startedNotices = (removal: Removal): string[] =>
  removal.bes.filter(wasStarted).map((be) => `${be.name} was started since it was cloned; what was written into it goes with it`)

const removalPlan = (state: PlanningState, removal: Removal, operation: string, summary: string, notices: string[], context: PlanContext): Plan => {
  const data = orphanedData(state.index, removal)
  const left = state.index.left.filter((id) => !removal.generations.some((generation) => generation.id === id))
  const changes: PlannedChange[] = [
    ...removal.generations.map((generation): PlannedChange => ({ planned: 'change', change: { change: 'remove-generation', id: generation.id } })),
    ...removal.bes.map((be): PlannedChange => ({ planned: 'change', change: { change: 'remove-be', name: be.name } })),
    ...data.map((name): PlannedChange => ({ planned: 'change', change: { change: 'remove-data', name } })),
    ...(left.length === state.index.left.length
      ? []
      : [{ planned: 'change', change: { change: 'left', left: { from: state.index.left, to: left } } } satisfies PlannedChange]),
  ]
  const steps: Step[] =
    changes.length === 0
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
        ]
  return {
    format: 1,
    id: context.planId,
    operation,
    madeAt: context.now,
    summary,
    basis: basisOf(state),
    checks: [{ name: 'protected versions', detail: 'none of the factory, kept, last confirmed or needed ones is among them' }],
    notices: [...notices, ...startedNotices(removal), ...dataNotices(state.index, data, removal)],
    steps,
    commit: steps.length === 0 ? null : 'record',
    escape: null,
  }
}

/** The boot environments that go with generations: those that stand for them and are neither running nor what GRUB starts. */
const besOf = (state: PlanningState, generations: readonly Generation[]): BootEnvironment[] => {
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
  return removalPlan(state, { generations, bes: besOf(state, generations) }, 'delete', summary, [], context)
}

const olderThan = (generation: Generation, days: number, now: string): boolean => Date.parse(now) - Date.parse(generation.createdAt) > days * 86_400_000

/** Generations that the retention rule lets go, oldest first. */
const expiredGenerations = (state: PlanningState, rule: Policy['retention'], now: string): Generation[] => {
  const newest = new Set(state.index.generations.slice(-rule.newest).map((generation) => generation.id))
  return state.index.generations.filter(
    (generation) => !newest.has(generation.id) && olderThan(generation, rule.days, now) && protectionOf(state, generation, now) === null,
  )
}

/** Boot environments that stand for nothing, are needed by nothing and were left for good, such as one whose upgrade failed. */
const abandonedBes = (state: PlanningState): BootEnvironment[] => {
  const needed = neededBes(state.choice, state.running, state.index)
  return state.index.bootEnvironments.filter((be) => be.standsFor === null && !needed.has(be.name))
}

/**
 * Whether a boot environment was in use and is the last one with some of the customer's data: a rule must not take that away unasked. A standby that
 * was never used has at most a copy of what its generation holds.
 */
const holdsLastData = (index: Index, be: BootEnvironment): boolean => {
  if (be.standsFor !== null && be.standsFor === be.origin && !wasStarted(be)) return false
  return dataAlone(index, be).length > 0
}

/** Mount points of data volumes that no other boot environment uses. */
const dataAlone = (index: Index, be: BootEnvironment): string[] => {
  const others = new Set(index.bootEnvironments.filter((other) => other.name !== be.name).flatMap((other) => other.data.map((use) => use.data)))
  return be.data
    .filter((use) => !others.has(use.data) && index.data.some((data) => data.name === use.data && data.role === 'data'))
    .map((use) => use.mountpoint)
}

/** Whether a boot environment or a copy of data that would go with it cannot be destroyed. */
const usesAny = (be: BootEnvironment, inUse: InUse): boolean => inUse.has(be.name) || be.data.some((use) => inUse.has(use.data))

const isInUse = (index: Index, generation: Generation, inUse: InUse): boolean =>
  inUse.has(generationName(generation.id)) || index.bootEnvironments.some((be) => be.standsFor === generation.id && usesAny(be, inUse))

/** What cannot be destroyed now, by name on disk, and why. */
export type InUse = ReadonlyMap<string, string>

const counted = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`

/**
 * Delete what the retention rule lets go, and boot environments that nothing stands for. What alone holds some of the customer's data stays, and so does
 * what is in use, with all of its version.
 */
export const planPrune = (state: PlanningState, rule: Policy['retention'], context: PlanContext, inUse: InUse = new Map()): Plan => {
  const expired = expiredGenerations(state, rule, context.now).filter((generation) => !isInUse(state.index, generation, inUse))
  const candidates = [...besOf(state, expired), ...abandonedBes(state).filter((be) => !usesAny(be, inUse))]
  const spared = candidates.filter((be) => holdsLastData(state.index, be))
  const bes = candidates.filter((be) => !spared.includes(be))
  const generations = expired.filter((generation) => !spared.some((be) => be.standsFor === generation.id))
  const none = generations.length + bes.length === 0
  const notices = [
    ...spared.map((be) => `${be.name} stays: it alone uses ${dataAlone(state.index, be).join(', ')}`),
    ...[...inUse].map(([name, why]) => `${name} stays: ${why}`),
  ]
  return removalPlan(
    state,
    { generations, bes },
    'prune',
    none ? 'nothing to prune' : `${counted(generations.length, 'generation')} and ${counted(bes.length, 'boot environment')} gone for good`,
    none ? ['nothing to prune', ...notices] : notices,
    context,
  )
}
