import type { Policy } from '../../policy/policy.ts'
import type { PoolSpace } from '../driver.ts'
import type { BootEnvironment, DataUse, DataVolume, Generation, Remain } from '../model.ts'
import { type BeName, type GenerationId, generationName } from '../names.ts'
import type { Plan } from './plan.ts'
import { neededBes, protectionFromRules } from './protection.ts'
import { besOf, removalPlan } from './removal.ts'
import type { Verdict } from './retention-verdict.ts'
import { type PlanContext, type PlanningState, isUntouched } from './state.ts'

type Rule = Policy['retention']

/** What cannot be destroyed now, by name on disk, and why. */
export type InUse = ReadonlyMap<string, string>

/** What is known of the pool when retention decides. */
export interface PoolFacts {
  readonly inUse: InUse
  readonly space: PoolSpace
  /** Bytes that each generation and its standby hold alone, as far as the filesystem says. */
  readonly bytes: ReadonlyMap<GenerationId, number>
}

const GIB = 1024 ** 3
const DAY_MS = 86_400_000

const daysSince = (iso: string, now: string): number => (Date.parse(now) - Date.parse(iso)) / DAY_MS
const days = (count: number): string => `${String(count)} ${count === 1 ? 'day' : 'days'}`
const counted = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`

/** Bytes that policy wants to be free on the pool. */
export const wantedFree = ({ freeGiB, freePercent }: Pick<Rule, 'freeGiB' | 'freePercent'>, { total }: PoolSpace): number =>
  Math.max(freeGiB * GIB, Math.floor((total * freePercent) / 100))

/** Boot environments that stand for nothing, are needed by nothing and were left for good, such as one whose upgrade failed. */
const abandonedBes = (state: PlanningState): BootEnvironment[] => {
  const needed = neededBes(state.choice, state.running, state.index)
  return state.index.bootEnvironments.filter((be) => be.standsFor === null && !needed.has(be.name))
}

/** Boot environments that go with this plan, as far as it is decided. */
type Gone = Set<BeName>

/**
 * Data volumes that are lost with a boot environment when no other holds them. A standby that was never used holds none that was cloned from its generation, and
 * goes unasked with those; what it shares with the version that it was taken from may be the customer's last.
 */
const heldData = (state: PlanningState, be: BootEnvironment): DataUse[] => {
  const { index } = state
  const isCopy = ({ copyOf }: DataVolume): boolean => isUntouched(state, be) && copyOf === be.standsFor
  return be.data.filter((use) => index.data.some((data) => data.name === use.data && data.role === 'data' && !isCopy(data)))
}

/** Mount points of data volumes that no boot environment holds but this one and those that go. */
const dataAlone = (state: PlanningState, be: BootEnvironment, gone: Gone): string[] => {
  const others = new Set(
    state.index.bootEnvironments
      .filter((other) => other.name !== be.name && !gone.has(other.name))
      .flatMap((other) => heldData(state, other).map((use) => use.data)),
  )
  return heldData(state, be)
    .filter((use) => !others.has(use.data))
    .map((use) => use.mountpoint)
}

/** Whether a boot environment is the last one with some of the customer's data: a rule must not take that away unasked. */
const holdsLastData = (state: PlanningState, be: BootEnvironment, gone: Gone): boolean => dataAlone(state, be, gone).length > 0

const aloneText = (state: PlanningState, be: BootEnvironment, gone: Gone): string => `${be.name} stays: it alone uses ${dataAlone(state, be, gone).join(', ')}`

interface Reason {
  readonly goes: boolean
  readonly code: string
  readonly why: string
}

const stays = (code: string, why: string): Reason => ({ goes: false, code, why })
const goes = (code: string, why: string): Reason => ({ goes: true, code, why })

/** What keeps a boot environment, or a copy of data that would go with it, from being destroyed. */
const useOf = (be: BootEnvironment, inUse: InUse): string | null =>
  [be.name, ...be.data.map((use) => use.data)].map((name) => inUse.get(name)).find((why) => why !== undefined) ?? null

/** Why a generation stays whatever the rules say, null when they decide. */
const whyProtected = (state: PlanningState, generation: Generation, { inUse }: PoolFacts, gone: Gone, now: string): Reason | null => {
  const protection = protectionFromRules(state, generation, now)
  if (protection !== null) return stays(protection.code, protection.why)
  const bes = besOf(state, [generation])
  const use = inUse.get(generationName(generation.id)) ?? bes.map((be) => useOf(be, inUse)).find((why) => why !== null)
  if (use !== undefined) return stays('in-use', use)
  // They go together, or not at all.
  const together = new Set([...gone, ...bes.map(({ name }) => name)])
  const last = bes.find((be) => holdsLastData(state, be, together))
  return last === undefined ? null : stays('data', aloneText(state, last, together))
}

/** What the rules by number and age say. */
const byNumberAndAge = (generation: Generation, rank: number, rule: Rule, now: string): Reason => {
  const age = daysSince(generation.createdAt, now)
  if (rule.maxDays !== null && age > rule.maxDays) return goes('max-days', `it is older than ${days(rule.maxDays)}`)
  if (rank < rule.newest) return stays('newest', `it is among the newest ${String(rule.newest)}`)
  if (rule.days > 0 && age <= rule.days) return stays('days', `it is not older than ${days(rule.days)}`)
  return goes('newest', `it is not among the newest ${String(rule.newest)}${rule.days === 0 ? '' : `, and older than ${days(rule.days)}`}`)
}

/** What is said of a boot environment that stands for nothing. */
const ofAbandoned = (state: PlanningState, be: BootEnvironment, { inUse }: PoolFacts, rule: Rule, gone: Gone, now: string): Reason => {
  const use = useOf(be, inUse)
  if (use !== null) return stays('in-use', use)
  if (holdsLastData(state, be, gone)) return stays('data', aloneText(state, be, gone))
  if (be.tornAt === undefined) return goes('abandoned', 'it stands for no generation')
  return rule.tornDays === 0 || daysSince(be.tornAt, now) > rule.tornDays
    ? goes('torn', `it is torn, and was found so more than ${days(rule.tornDays)} ago`)
    : stays('torn', `it is torn, and is left for ${days(rule.tornDays)} for whoever looks into it`)
}

/**
 * The oldest of those that only number and age keep, when less is free than policy wants. One at a time, because what two generations share comes free
 * with the second: no filesystem says beforehand how many have to go, so that after each the room is measured.
 */
const forRoom = (reasons: ReadonlyMap<Generation, Reason>, rule: Rule, { space }: PoolFacts): ReadonlyMap<Generation, Reason> => {
  const missing = wantedFree(rule, space) - space.free
  if (missing <= 0) return new Map()
  const candidates = [...reasons].slice(0, -rule.least).filter(([, { code }]) => code === 'newest' || code === 'days')
  const wanted = `${gib(wantedFree(rule, space))} are to be free, and ${gib(space.free)} are`
  return new Map(
    candidates.map(([generation], position) => [
      generation,
      position === 0 ? goes('room', `${wanted}: it is the oldest that can go`) : stays('room', `it follows if less than that is free after those before it`),
    ]),
  )
}

const NOTHING_KNOWN: PoolFacts = { inUse: new Map(), space: { free: Number.MAX_SAFE_INTEGER, total: 0 }, bytes: new Map() }

/** What remained of earlier removals, that can be tried again. */
const destroyable = ({ index }: PlanningState, { inUse }: PoolFacts): Remain[] => (index.remains ?? []).filter(({ name }) => !inUse.has(name))

/**
 * Delete what the retention rule lets go, boot environments that nothing stands for, and what remained of earlier removals. What alone holds some of the
 * customer's data stays, and so does what is in use, with all of its version. The plan says of every generation why.
 */
export const planPrune = (state: PlanningState, rule: Rule, context: PlanContext, pool: PoolFacts = NOTHING_KNOWN): Plan => {
  const { index } = state
  const newestFirst = index.generations.toReversed()
  // What is decided first leaves the rest to be the last that use some data.
  const gone: Gone = new Set()
  const abandoned = abandonedBes(state).map((be) => {
    const reason = ofAbandoned(state, be, pool, rule, gone, context.now)
    if (reason.goes) gone.add(be.name)
    return { be, reason }
  })
  const decided = new Map(
    index.generations.map((generation) => {
      const reason = whyProtected(state, generation, pool, gone, context.now) ?? byNumberAndAge(generation, newestFirst.indexOf(generation), rule, context.now)
      if (reason.goes) for (const { name } of besOf(state, [generation])) gone.add(name)
      return [generation, reason]
    }),
  )
  // What comes free with those that go by other rules is measured first.
  const goesAnyway = [...decided.values(), ...abandoned.map(({ reason }) => reason)].some((reason) => reason.goes)
  const reasons = new Map([...decided, ...(goesAnyway ? [] : forRoom(decided, rule, pool))])
  const generations = index.generations.filter((generation) => reasons.get(generation)?.goes === true)
  const bes = [...besOf(state, generations), ...abandoned.flatMap(({ be, reason }) => (reason.goes ? [be] : []))]
  const remains = destroyable(state, pool)
  const none = generations.length + bes.length + remains.length === 0
  const verdicts: Verdict[] = [
    ...[...reasons].map(([{ id }, reason]) => ({ generation: id, be: null, ...reason, bytes: pool.bytes.get(id) ?? null })),
    ...abandoned.map(({ be, reason }) => ({ generation: null, be: be.name, ...reason, bytes: null })),
  ]
  const notices = [
    ...[...abandoned.map(({ reason }) => reason), ...reasons.values()].flatMap(({ code, why }) => (code === 'data' ? [why] : [])),
    ...[...pool.inUse].map(([name, why]) => `${name} stays: ${why}`),
    ...(none && pool.space.free < wantedFree(rule, pool.space)
      ? [`${gib(wantedFree(rule, pool.space))} are to be free and ${gib(pool.space.free)} are, but the rules let nothing go`]
      : []),
  ]
  const summary = none ? 'nothing to prune' : `${counted(generations.length, 'generation')} and ${counted(bes.length, 'boot environment')} gone for good`
  const plan = removalPlan(
    state,
    { generations, bes, remains },
    { operation: 'prune', summary, notices: none ? ['nothing to prune', ...notices] : notices },
    context,
  )
  return { ...plan, retention: verdicts }
}
