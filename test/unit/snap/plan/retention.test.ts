import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '../../../../src/policy/policy.ts'
import { planDelete } from '../../../../src/snap/plan/removal.ts'
import { type PoolFacts, planPrune } from '../../../../src/snap/plan/retention.ts'
import { be, changesOf, context, data, destroyedBy, generation, goodChoice, kindsOf, name, refusalOf, session, state } from './planning-state.ts'

/** Five generations, each but the last with a standby; the factory's is be-000002, generation 2's be-000003 and so on. */
const five = (facts: Parameters<typeof state>[0] = {}) =>
  state({
    generations: [1, 2, 3, 4, 5].map((id) => generation(id, { health: id === 1 || id === 5 ? 'confirmed' : 'unknown' })),
    bes: [be(1, { confirmed: true }), ...[1, 2, 3, 4, 5].map((id) => be(id + 1, { origin: id, standsFor: id }))],
    ...facts,
  })

const ruleOf = (words: Partial<ReturnType<typeof defaultPolicy>['retention']>) => ({ ...defaultPolicy().retention, ...words })
const rule = ruleOf({ newest: 1 })

const GIB = 1024 ** 3
const pool = (facts: Partial<PoolFacts> = {}): PoolFacts => ({ inUse: new Map(), space: { free: 100 * GIB, total: 200 * GIB }, bytes: new Map(), ...facts })

describe('delete', () => {
  it('destroys the generation, its standby and that one’s boot set, after it is out of index and menu', () => {
    const plan = planDelete(five(), { ids: [3] }, context())
    expect(destroyedBy(plan)).toEqual(['be-000004', 'gen-000003'])
    expect(kindsOf(plan)).toEqual(['index.change', 'menu.write', 'boot-set.remove', 'be.destroy', 'generation.destroy', 'remains.settle'])
    expect(plan.commit).toBe('record')
  })

  it.each([
    ['the factory generation', 1, {}, 'factory'],
    [
      'a kept one',
      3,
      { generations: [generation(1), generation(2), generation(3, { keep: true }), generation(4), generation(5, { health: 'confirmed' })] },
      'kept',
    ],
    ['the last confirmed one', 5, {}, 'last-confirmed'],
    ['the restore point of an open upgrade', 4, { session: session('trial', { generation: 4, fallback: 1 }) }, 'session'],
    ['what GRUB falls back to', 4, { choice: { good: name(5), trial: name(1), attemptsLeft: 2, once: null } as const }, 'boots'],
    ['what GRUB tries next', 3, { choice: { good: name(1), trial: name(4), attemptsLeft: 3, once: null } as const }, 'boots'],
    ['what was picked for the next boot', 3, { choice: { ...goodChoice(), once: name(4) } }, 'boots'],
  ])('refuses %s, and says what to do first', (_, id, facts, code) => {
    const refusal = refusalOf(() => planDelete(five(facts), { ids: [2, id] }, context()))
    expect(refusal).toMatchObject({ code: `protected/${code}`, exitCode: 10 })
    expect(refusal.next).toHaveLength(1)
  })

  it('keeps the boot environment that runs when the generation that it stands for goes', () => {
    const plan = planDelete(five({ running: 3 }), { ids: [2] }, context())
    expect(destroyedBy(plan)).toEqual(['gen-000002'])
  })

  it('destroys a copy of data that nothing else uses, names the loss, and keeps one that something else uses', () => {
    const copies = five({
      bes: [be(1), be(2, { standsFor: 1 }), be(3, { standsFor: 2, data: 2 }), be(4, { standsFor: 3, data: 3 }), be(5, { standsFor: 4, data: 3 })],
      data: [data(1), data(2), data(3)],
    })
    const plan = planDelete(copies, { ids: [2, 3] }, context())
    expect(destroyedBy(plan)).toEqual(['be-000003', 'be-000004', 'data-000002', 'gen-000002', 'gen-000003'])
    expect(plan.notices.join('\n')).toContain('/srv/files as be-000003 had it')
    expect(plan.notices.join('\n')).not.toContain('data-000003')
  })

  it('names data that only standbys which were never started have after it', () => {
    const shared = (startedAs: number | null) =>
      five({
        bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 1, standsFor: 2, data: 2 }), be(4, { origin: 3, standsFor: 3, startedAs, data: 2 })],
        data: [data(1), data(2)],
      })
    expect(planDelete(shared(null), { ids: [2] }, context()).notices).toEqual([
      '/srv/files as be-000003 had it (data-000002) is left with be-000004 alone, never started so far',
    ])
    expect(planDelete(shared(3), { ids: [2] }, context()).notices).toEqual([])
    expect(planDelete(shared(null), { ids: [3] }, context()).notices).toEqual([])
  })

  it('takes a generation off the stack of those that were left', () => {
    expect(changesOf(planDelete(five({ left: [2, 3] }), { ids: [3] }, context()))).toContainEqual({
      planned: 'change',
      change: { change: 'left', left: { from: [2, 3], to: [2] } },
    })
  })

  it('takes a number that is named twice once, and none that does not exist', () => {
    expect(destroyedBy(planDelete(five(), { ids: [3, 3] }, context()))).toEqual(['be-000004', 'gen-000003'])
    expect(refusalOf(() => planDelete(five(), { ids: [3, 9] }, context()))).toMatchObject({ exitCode: 13 })
    expect(refusalOf(() => planDelete(five(), { ids: [] }, context()))).toMatchObject({ exitCode: 13 })
  })
})

describe('prune', () => {
  it('leaves the newest and all that is protected', () => {
    expect(destroyedBy(planPrune(five(), rule, context()))).toEqual(['be-000003', 'be-000004', 'be-000005', 'gen-000002', 'gen-000003', 'gen-000004'])
    expect(destroyedBy(planPrune(five(), ruleOf({ newest: 3, days: 0 }), context()))).toEqual(['be-000003', 'gen-000002'])
  })

  it('leaves the last confirmed one also when it is not among the newest', () => {
    const old = five({ generations: [1, 2, 3, 4, 5].map((id) => generation(id, { health: id === 2 ? 'confirmed' : 'unknown' })) })
    expect(destroyedBy(planPrune(old, rule, context()))).not.toContain('gen-000002')
  })

  it('leaves generations that are younger than the days of policy', () => {
    // Generation 4 is of 14 November, 7 days old.
    expect(destroyedBy(planPrune(five(), ruleOf({ newest: 1, days: 7 }), context()))).toEqual(['be-000003', 'be-000004', 'gen-000002', 'gen-000003'])
    expect(destroyedBy(planPrune(five(), ruleOf({ newest: 1, days: 30 }), context()))).toEqual([])
  })

  it('removes boot environments that stand for nothing, but none that runs or that GRUB may start', () => {
    const failed = five({
      bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2 }), be(4, { origin: 3 })],
      running: 2,
      choice: goodChoice(2),
    })
    expect(destroyedBy(planPrune(failed, ruleOf({ newest: 9, days: 0 }), context()))).toEqual(['be-000001', 'be-000003', 'be-000004'])
    const needed = { ...failed, choice: { good: name(2), trial: name(1), attemptsLeft: 1, once: name(3) } as const }
    expect(destroyedBy(planPrune(needed, ruleOf({ newest: 9, days: 0 }), context()))).toEqual(['be-000004'])
    const open = five({ bes: failed.index.bootEnvironments, running: 2, choice: goodChoice(2), session: session('failed', { be: 1, fallback: 2 }) })
    expect(destroyedBy(planPrune(open, ruleOf({ newest: 9, days: 0 }), context()))).toEqual(['be-000003', 'be-000004'])
  })

  it('spares a boot environment that was in use and alone holds some of the customer’s data', () => {
    const raised = five({ bes: [be(1, { data: 1 }), be(2, { standsFor: 1, data: 2 })], running: 2, choice: goodChoice(2), data: [data(1, '2.0.0'), data(2)] })
    const plan = planPrune(raised, ruleOf({ newest: 9, days: 0 }), context())
    expect(destroyedBy(plan)).toEqual([])
    expect(plan.notices.join('\n')).toContain('be-000001 stays: it alone uses /srv/files')
  })

  it('spares a standby that was started and alone holds some of the customer’s data, but not one that never was', () => {
    const copies = (startedAs: number | null) =>
      five({
        generations: [1, 2, 3].map((id) => generation(id, { health: id === 1 || id === 3 ? 'confirmed' : 'unknown', withData: true })),
        bes: [be(1), be(3, { origin: 2, standsFor: 2, startedAs, data: 2 })],
        data: [data(1), data(2, '1.0.0', 'data', 2)],
      })
    expect(destroyedBy(planPrune(copies(null), rule, context()))).toEqual(['be-000003', 'data-000002', 'gen-000002'])
    expect(destroyedBy(planPrune(copies(1), rule, context())), 'started as what it no longer stands for').toContain('be-000003')
    expect(destroyedBy(planPrune(copies(2), rule, context()))).toEqual([])
  })

  it('spares the last that shares data that was in use, be it a standby that was never used', () => {
    const facts = { running: 4, choice: goodChoice(4), data: [data(1), data(2)] }
    const shared = five({ ...facts, bes: [be(1, { data: 1 }), be(2, { origin: 2, standsFor: 2, data: 1 }), be(4, { standsFor: 5, data: 2 })] })
    expect(destroyedBy(planPrune(shared, ruleOf({ newest: 1, days: 0 }), context()))).not.toContain('data-000001')
    const alone = five({ ...facts, bes: [be(2, { origin: 2, standsFor: 2, data: 1 }), be(4, { standsFor: 5, data: 2 })] })
    expect(destroyedBy(planPrune(alone, ruleOf({ newest: 1, days: 0 }), context()))).not.toContain('be-000002')
    const twice = five({ ...facts, bes: [be(1, { standsFor: 2, data: 1 }), be(3, { standsFor: 2, data: 1 }), be(4, { standsFor: 5, data: 2 })] })
    expect(destroyedBy(planPrune(twice, ruleOf({ newest: 1, days: 0 }), context()))).not.toContain('data-000001')
  })

  it('spares data that a standby was not given a copy of, but shares as the last: nothing else has it any more', () => {
    // Taken without data while be-000002 ran on a copy of its own, which was left and deleted since.
    const last = five({
      bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2, data: 2 }), be(4, { origin: 3, standsFor: 3, data: 2 })],
      data: [data(1), data(2)],
    })
    const plan = planPrune(last, rule, context())
    expect(destroyedBy(plan)).toEqual(['be-000003', 'gen-000002', 'gen-000004'])
    expect(plan.notices.join('\n')).toContain('be-000004 stays: it alone uses /srv/files')
  })

  it('says that what was written into a standby goes with it', () => {
    const tried = five({ bes: [be(1), be(3, { origin: 2, standsFor: 2, startedAs: 2 })] })
    expect(planPrune(tried, rule, context()).notices.join('\n')).toContain('be-000003 was started since it was cloned')
  })

  it.each([
    ['boot environment', 'be-000004'],
    ['generation', 'gen-000003'],
    ['copy of data', 'data-000003'],
  ])('leaves a version out whose %s is in use, says so, and takes the rest', (_, name) => {
    const bes = five().index.bootEnvironments.map((record) => (record.name === 'be-000004' ? be(4, { origin: 3, standsFor: 3, data: 3 }) : record))
    const plan = planPrune(five({ bes, data: [data(1), data(3)] }), rule, context(), pool({ inUse: new Map([[name, 'it is mounted at /mnt']]) }))
    expect(destroyedBy(plan)).toEqual(['be-000003', 'be-000005', 'gen-000002', 'gen-000004'])
    expect(plan.notices).toContain(`${name} stays: it is mounted at /mnt`)
  })

  it('says of every version why it stays or goes', () => {
    const bes = [be(1, { confirmed: true }), ...[1, 2, 3, 4, 5].map((id) => be(id + 1, { origin: id, standsFor: id })), be(7, { origin: 1 })]
    const generations = [1, 2, 3, 4, 5, 6].map((id) => generation(id, { health: id === 1 || id === 5 ? 'confirmed' : 'unknown', keep: id === 2 }))
    const plan = planPrune(
      five({ generations, bes, left: [3] }),
      ruleOf({ newest: 1 }),
      context(),
      pool({ bytes: new Map([[generations[3]?.id ?? generation(4).id, 7]]) }),
    )
    expect(plan.retention?.map(({ generation: id, be: name, goes, code, bytes }) => [id ?? name, goes, code, bytes])).toEqual([
      [1, false, 'factory', null],
      [2, false, 'kept', null],
      [3, false, 'left', null],
      [4, true, 'newest', 7],
      [5, false, 'last-confirmed', null],
      [6, false, 'running', null],
      ['be-000007', true, 'abandoned', null],
    ])
    expect(plan.retention?.every(({ why }) => why !== '')).toBe(true)
  })

  it('lets what is too old go although it is among the newest', () => {
    // Generation 4 is of 14 November, 7 days old.
    expect(destroyedBy(planPrune(five(), ruleOf({ newest: 9, maxDays: 7 }), context()))).toEqual(['be-000003', 'be-000004', 'gen-000002', 'gen-000003'])
  })

  it('lets the oldest that can go make room, one at a time and after what the other rules take, and never the newest', () => {
    const full = pool({ space: { free: 10 * GIB, total: 200 * GIB } })
    const wanted = ruleOf({ newest: 9, freePercent: 10, least: 2 })
    const plan = planPrune(five(), wanted, context(), full)
    expect(destroyedBy(plan)).toEqual(['be-000003', 'gen-000002'])
    expect(plan.retention?.filter(({ code }) => code === 'room').map(({ generation: id, goes }) => [id, goes])).toEqual([
      [2, true],
      [3, false],
    ])
    expect(destroyedBy(planPrune(five(), { ...wanted, newest: 3 }, context(), full)), 'what the number takes comes first').toEqual(['be-000003', 'gen-000002'])
    expect(destroyedBy(planPrune(five(), { ...wanted, freePercent: 5 }, context(), full)), 'enough is free').toEqual([])
    expect(destroyedBy(planPrune(five(), { ...wanted, freePercent: 0, freeGiB: 11 }, context(), full)), 'the larger counts').toEqual([
      'be-000003',
      'gen-000002',
    ])
    const abandoned = five({ bes: [be(1, { confirmed: true }), be(9), ...[1, 2, 3, 4, 5].map((id) => be(id + 1, { origin: id, standsFor: id }))] })
    expect(destroyedBy(planPrune(abandoned, wanted, context(), full)), 'what was left for good comes first').toEqual(['be-000009'])
    const least = planPrune(five(), { ...wanted, least: 9 }, context(), full)
    expect(least.steps).toEqual([])
    expect(least.notices.join('\n')).toContain('20.0 GiB are to be free and 10.0 GiB are')
  })

  it('leaves a torn boot environment for as many days as policy says', () => {
    const torn = five({ bes: [be(1), { ...be(3), tornAt: '2026-11-10T03:00:00.000Z' }] })
    expect(planPrune(torn, ruleOf({}), context()).retention?.at(-1)).toMatchObject({ be: 'be-000003', goes: false, code: 'torn' })
    expect(destroyedBy(planPrune(torn, ruleOf({ tornDays: 10 }), context()))).toEqual(['be-000003'])
  })

  it('does not take the last two users of some data at once', () => {
    const bes = [be(1, { data: 1 }), be(3, { data: 2 }), be(4, { data: 2 })]
    expect(destroyedBy(planPrune(five({ bes, data: [data(1), data(2)] }), ruleOf({}), context()))).toEqual(['be-000003'])
  })

  it('tries what remained of earlier removals again, but not what is in use still', () => {
    const state = five()
    const remains = ['be-000008', 'data-000009', 'gen-000007', 'something-new'].map((object) => ({
      kind: 'be',
      name: object,
      since: '2026-11-01T00:00:00.000Z',
    }))
    const plan = planPrune({ ...state, index: { ...state.index, remains } }, ruleOf({}), context(), pool({ inUse: new Map([['gen-000007', 'it is mounted']]) }))
    expect(destroyedBy(plan)).toEqual(['be-000008', 'data-000009'])
    expect(kindsOf(plan).at(-1)).toBe('remains.settle')
  })

  it('has no steps when there is nothing to let go', () => {
    const plan = planPrune(state(), rule, context())
    expect(plan.steps).toEqual([])
    expect(plan.commit).toBeNull()
    expect(plan.notices).toEqual(['nothing to prune'])
  })
})
