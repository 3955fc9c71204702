import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextBoot } from '../../../src/boot/boot-choice.ts'
import { defaultPolicy } from '../../../src/policy/policy.ts'
import { applyChange } from '../../../src/snap/index-change.ts'
import { beName } from '../../../src/snap/names.ts'
import { isKept } from '../../../src/snap/plan/hold.ts'
import { versionOf } from '../../../src/snap/plan/lineage.ts'
import { type PoolFacts, planPrune } from '../../../src/snap/plan/retention.ts'
import type { PlanningState } from '../../../src/snap/plan/state.ts'
import { NOW, be, context, data, destroyedBy, generation, session, state } from './plan/planning-state.ts'

const numbers = { generation: fc.integer({ min: 1, max: 12 }), be: fc.integer({ min: 1, max: 14 }), data: fc.integer({ min: 1, max: 4 }) }
const time = fc.integer({ min: 0, max: 60 }).map((age) => new Date(Date.parse(NOW) - age * 86_400_000).toISOString())

/** An appliance in whatever state: also in those that no life of one leads to. */
const anyState: fc.Arbitrary<PlanningState> = fc
  .record({
    generations: fc.uniqueArray(
      fc.record({
        id: numbers.generation,
        health: fc.constantFrom('unknown', 'confirmed', 'failed'),
        keep: fc.boolean(),
        createdAt: time,
        takenFrom: numbers.be,
        withData: fc.boolean(),
      }),
      { selector: ({ id }) => id, minLength: 1 },
    ),
    bes: fc.uniqueArray(
      fc.record({
        id: numbers.be,
        origin: fc.option(numbers.generation),
        standsFor: fc.option(numbers.generation),
        startedAs: fc.option(numbers.generation),
        data: numbers.data,
        tornAt: fc.option(time),
      }),
      { selector: ({ id }) => id, minLength: 2 },
    ),
    picks: fc.record({ running: fc.nat(), good: fc.nat(), trial: fc.option(fc.nat()), once: fc.option(fc.nat()), left: fc.array(fc.nat(), { maxLength: 3 }) }),
    copies: fc.array(fc.option(numbers.generation, { nil: undefined }), { minLength: 4, maxLength: 4 }),
    open: fc.option(fc.record({ phase: fc.constantFrom('armed', 'trial', 'failed'), be: fc.nat(), fallback: fc.nat(), generation: fc.nat() })),
  })
  .map(({ generations, bes, picks, copies, open }) => {
    const ids = generations.map(({ id }) => id).toSorted((a, b) => a - b)
    const names = bes.map(({ id }) => id)
    const numberAt = (list: readonly number[], at: number): number => list[at % list.length] ?? 1
    const found = state({
      generations: generations.map(({ id, ...facts }) => generation(id, facts)).toSorted((a, b) => a.id - b.id),
      bes: bes.map(({ id, tornAt, ...facts }) => ({ ...be(id, facts), ...(tornAt === null ? {} : { tornAt }) })),
      data: copies.map((copyOf, position) => data(position + 1, '1.0.0', 'data', copyOf)),
      running: numberAt(names, picks.running),
      choice: {
        good: beName(numberAt(names, picks.good)),
        trial: picks.trial === null ? null : beName(numberAt(names, picks.trial)),
        attemptsLeft: 1,
        once: picks.once === null ? null : beName(numberAt(names, picks.once)),
      },
      left: picks.left.map((at) => numberAt(ids, at)),
      ...(open === null
        ? {}
        : {
            session: session(open.phase, {
              be: numberAt(names, open.be),
              fallback: numberAt(names, open.fallback),
              generation: numberAt(ids, open.generation),
            }),
          }),
    })
    return { ...found, index: { ...found.index, factory: found.index.generations[0]?.id ?? null } }
  })

const anyRule = fc.record({
  newest: fc.integer({ min: 1, max: 12 }),
  days: fc.integer({ min: 0, max: 60 }),
  maxDays: fc.option(fc.integer({ min: 1, max: 60 })),
  freeGiB: fc.integer({ min: 0, max: 100 }),
  freePercent: fc.integer({ min: 0, max: 90 }),
  least: fc.integer({ min: 1, max: 5 }),
  tornDays: fc.integer({ min: 0, max: 60 }),
})

const anyPool: fc.Arbitrary<PoolFacts> = fc.record({
  inUse: fc
    .uniqueArray(
      fc.oneof(
        numbers.be.map((id) => String(beName(id))),
        numbers.generation.map((id) => `gen-${String(id).padStart(6, '0')}`),
      ),
    )
    .map((names) => new Map(names.map((name) => [name, 'somebody has it']))),
  space: fc.record({ free: fc.integer({ min: 0, max: 2 ** 37 }), total: fc.constant(2 ** 37) }),
  bytes: fc.constant(new Map()),
})

/** What no rule may take, told from the design and not from the planner. */
const untouchable = ({ index, choice, running }: PlanningState): { readonly generations: ReadonlySet<number>; readonly bes: ReadonlySet<string> } => {
  const bes = new Set(
    [choice.good, choice.trial, choice.once, nextBoot(choice).be, running, index.session?.be, index.session?.fallback].filter(
      (name) => typeof name === 'string',
    ),
  )
  const runningBe = index.bootEnvironments.find(({ name }) => name === running)
  const generations = [
    index.factory,
    index.generations.findLast(({ health }) => health === 'confirmed')?.id,
    index.session?.generation,
    runningBe === undefined ? null : versionOf(index, runningBe),
    ...index.left,
    ...index.generations.filter((candidate) => isKept(candidate, NOW)).map(({ id }) => id),
    ...index.bootEnvironments.filter(({ name }) => bes.has(name)).map(({ standsFor }) => standsFor),
  ]
  return { generations: new Set(generations.filter((id) => typeof id === 'number')), bes }
}

/** Data that was in use, or that a standby shares; a standby that was never used holds nothing with what was cloned from its generation's own data. */
const heldData = ({ index, running }: PlanningState): Set<string> =>
  new Set(
    index.bootEnvironments.flatMap(({ name, standsFor, origin, startedAs, data: uses }) => {
      const isUsed = standsFor === null || standsFor !== origin || startedAs === standsFor || name === running
      return uses.map((use) => use.data).filter((volume) => isUsed || index.data.find((candidate) => candidate.name === volume)?.copyOf !== standsFor)
    }),
  )

describe('retention', () => {
  it('takes nothing of any appliance that must survive, and says of every generation what it does with it', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(anyState, anyRule, anyPool, (before, words, pool) => {
        const rule = { ...defaultPolicy().retention, ...words }
        const plan = planPrune(before, rule, context(), pool)
        const gone = new Set(destroyedBy(plan))
        const survivors = untouchable(before)
        for (const id of survivors.generations) expect(gone, 'generations that must survive').not.toContain(`gen-${String(id).padStart(6, '0')}`)
        for (const name of survivors.bes) expect(gone, 'boot environments that must survive').not.toContain(name)
        for (const name of pool.inUse.keys()) expect(gone, 'what is in use').not.toContain(name)
        expect(plan.retention?.filter(({ generation: id }) => id !== null).map(({ generation: id }) => id)).toEqual(
          before.index.generations.map(({ id }) => id),
        )
        for (const { generation: id, be: name, goes } of plan.retention ?? []) expect(gone.has(name ?? `gen-${String(id).padStart(6, '0')}`)).toBe(goes)

        for (const volume of heldData(before)) expect(gone, 'data that somebody holds').not.toContain(volume)
      }),
      { numRuns: 3000 },
    )
  })

  it('has nothing more to take by number and age once it did its work', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(anyState, anyRule, (before, words) => {
        const rule = { ...defaultPolicy().retention, ...words, freeGiB: 0, freePercent: 0 }
        const plan = planPrune(before, rule, context())
        const record = plan.steps.find((step) => step.kind === 'index.change')
        const changes = record?.kind === 'index.change' ? record.changes.flatMap((change) => (change.planned === 'change' ? [change.change] : [])) : []
        const after = changes.filter(({ change }) => change !== 'remains').reduce(applyChange, before.index)
        const again = planPrune({ ...before, index: after }, rule, context())
        expect(again.retention?.filter(({ goes, generation: id }) => goes && id !== null)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})
