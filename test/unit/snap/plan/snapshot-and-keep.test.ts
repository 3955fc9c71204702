import { describe, expect, it } from 'vitest'
import { isOver } from '../../../../src/snap/plan/hold.ts'
import { planKeep } from '../../../../src/snap/plan/keep.ts'
import { planSnapshot } from '../../../../src/snap/plan/snapshot.ts'
import { be, changesOf, context, data, generation, goodChoice, kindsOf, name, refusalOf, session, state, stepOf } from './planning-state.ts'

const request = { text: 'before the network change', withData: false, keep: false, atomic: false, quiesce: null }

describe('snapshot', () => {
  it('takes the running boot environment, describes it, and gives it a standby with a boot set', () => {
    const plan = planSnapshot(state(), request, context())
    expect(kindsOf(plan)).toEqual(['generation.take', 'generation.describe', 'be.clone', 'boot-set.share', 'index.change', 'menu.write'])
    expect(stepOf(plan, 'generation.take')).toMatchObject({ name: 'gen-000002', sources: [{ role: 'root' }, { role: 'config', mountpoint: '/etc/app' }] })
    expect(stepOf(plan, 'be.clone').name).toBe('be-000003')
    expect(plan.commit).toBe('record')
  })

  it('is confirmed when what runs is confirmed, and unknown on a trial', () => {
    const health = (facts: Parameters<typeof state>[0]) => changesOf(planSnapshot(state(facts), request, context()))[0]
    expect(health({})).toMatchObject({ draft: { health: 'confirmed' } })
    expect(health({ choice: { good: name(2), trial: name(1), attemptsLeft: 2, once: null } })).toMatchObject({ draft: { health: 'unknown' } })
  })

  it('takes data along when asked, and gives the standby a copy of its own', () => {
    const plan = planSnapshot(state({ data: [data(1)] }), { ...request, withData: true }, context())
    expect(stepOf(plan, 'generation.take').sources).toContainEqual(expect.objectContaining({ role: 'data', mountpoint: '/srv/files' }))
    expect(stepOf(plan, 'data.clone').name).toBe('data-000002')
    expect(stepOf(plan, 'data.bind')).toMatchObject({ be: 'be-000003', uses: [{ data: 'data-000002' }] })
  })

  it('never takes logs along', () => {
    const plan = planSnapshot(state({ data: [data(1, null, 'log')] }), { ...request, withData: true }, context())
    expect(stepOf(plan, 'generation.take').sources).toHaveLength(2)
    expect(kindsOf(plan)).not.toContain('data.clone')
  })

  it('says of several members that they are not of one instant where the driver cannot', () => {
    expect(changesOf(planSnapshot(state(), request, context()))[0]).toMatchObject({ draft: { atomic: false } })
    const remade = state({ bes: [be(1, { confirmed: true })], plainConfig: ['/etc/app'] })
    expect(changesOf(planSnapshot(remade, request, context()))).toContainEqual(
      expect.objectContaining({ draft: expect.objectContaining({ atomic: false }) as unknown }),
    )
    expect(changesOf(planSnapshot(state(), { ...request, atomic: true }, context()))[0]).toMatchObject({ draft: { atomic: true } })
  })

  it('says so too of data on another pool, which is taken in a call of its own', () => {
    const elsewhere = { ...data(1), volume: { pool: 'tank', guid: 'tank-1', locator: 'tank/files' } }
    const plan = planSnapshot(state({ data: [elsewhere] }), { ...request, atomic: true, withData: true }, context())
    expect(changesOf(plan)[0]).toMatchObject({ draft: { atomic: false } })
  })

  it('passes over names that something foreign took', () => {
    const plan = planSnapshot(state({ occupied: { generation: [2, 3], be: [3], data: [] } }), request, context())
    expect(stepOf(plan, 'generation.take').name).toBe('gen-000004')
    expect(stepOf(plan, 'be.clone').name).toBe('be-000004')
  })

  it('is possible on a trial, and refused while an upgrade is armed or failed', () => {
    expect(() => planSnapshot(state({ session: session('trial') }), request, context())).not.toThrow()
    for (const phase of ['armed', 'failed']) {
      expect(refusalOf(() => planSnapshot(state({ session: session(phase) }), request, context()))).toMatchObject({ code: `session/${phase}` })
    }
  })

  it('is refused on a root that is none of belay’s', () => {
    expect(refusalOf(() => planSnapshot(state({ running: null }), request, context()))).toMatchObject({ code: 'not-a-boot-environment', exitCode: 10 })
  })
})

describe('keep', () => {
  const hold = { owner: 'support', until: null }

  it('holds a generation, marks it and brings the menu up to date', () => {
    const plan = planKeep(state(), { id: 1, hold }, context())
    expect(kindsOf(plan)).toEqual(['generation.hold', 'index.change', 'menu.write'])
    expect(changesOf(plan)).toEqual([
      { planned: 'change', change: { change: 'keep-generation', id: 1, keep: { from: false, to: true }, hold: { from: null, to: hold } } },
    ])
    expect(plan.summary).toBe('generation 1 is kept for support')
  })

  it('has no steps for what is kept already, and some for another hold or none', () => {
    const kept = state({ generations: [generation(1, { keep: true, hold })], bes: [be(1)], choice: goodChoice() })
    expect(planKeep(kept, { id: 1, hold: { ...hold } }, context()).steps).toEqual([])
    expect(planKeep(kept, { id: 1, hold: { owner: 'support', until: '2027-01-31' } }, context()).summary).toBe(
      'generation 1 is kept for support until 2027-01-31',
    )
    expect(planKeep(kept, { id: 1, hold: null }, context()).steps).toHaveLength(3)
  })

  it('does not know a generation that does not exist', () => {
    expect(refusalOf(() => planKeep(state(), { id: 9, hold }, context()))).toMatchObject({ exitCode: 13 })
  })
})

describe('a hold', () => {
  it.each([
    ['before its last day', '2027-01-30T12:00:00.000Z', false],
    ['to the end of its last day', '2027-01-31T23:59:59.999Z', false],
    ['no longer', '2027-02-01T00:00:00.000Z', true],
  ])('lasts %s', (_name, now, over) => {
    expect(isOver({ owner: 'support', until: '2027-01-31' }, now)).toBe(over)
    expect(isOver({ owner: 'support', until: null }, now)).toBe(false)
  })
})
