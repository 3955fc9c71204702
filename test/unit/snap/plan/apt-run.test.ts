import { describe, expect, it } from 'vitest'
import { type AptRunRequest, planAptRun } from '../../../../src/snap/plan/apt-run.ts'
import { planCloseAptRun } from '../../../../src/snap/plan/close-apt-run.ts'
import { PlanSchema } from '../../../../src/snap/plan/step-schema.ts'
import { be, changesOf, context, destroyedBy, finalChoice, generation, goodChoice, kindsOf, name, refusalOf, session, state } from './planning-state.ts'

const MIB = 1024 * 1024
const OWNER = { pid: 42, startTime: '4242', until: 'process' } as const

const request = (facts: Partial<AptRunRequest> = {}): AptRunRequest => ({
  changes: [{ name: 'gateway', arch: 'amd64', from: '1.0', to: '2.0', action: 'upgrade', archive: '/gateway.deb' }],
  archiveBytes: MIB,
  space: { pool: 10_000 * MIB, grubPartition: 500 * MIB, bootSet: 80 * MIB, rooms: [] },
  atomic: false,
  owner: OWNER,
  isArmedByLiving: false,
  bootId: 'b1',
  ...facts,
})

const bes = [be(1, { confirmed: true }), be(2, { origin: 1, standsFor: 1 })]
/** An earlier run in this boot, with generation 2 and its be-000003 to go back to. */
const during = (
  phase: string,
  facts: { readonly operation?: string; readonly bootId?: string; readonly choice?: 'armed' | 'trial'; readonly running?: number } = {},
) =>
  state({
    generations: [generation(1, { kind: 'factory' }), generation(2, { kind: 'before-upgrade' })],
    bes: [...bes, be(3, { origin: 2, standsFor: 2 })],
    session: {
      ...session(phase, { fallback: 3, generation: 2 }),
      operation: facts.operation ?? 'apt',
      bootId: facts.bootId ?? 'b1',
      text: 'before apt run of hello 2',
    },
    choice: facts.choice === 'trial' ? { good: name(3), trial: name(1), attemptsLeft: 3, once: null } : goodChoice(3),
    running: facts.running ?? 1,
  })
const sessionAfter = (plan: ReturnType<typeof planAptRun>) =>
  changesOf(plan)
    .flatMap((change) => (change.planned === 'change' && change.change.change === 'session' ? [change.change.session.to] : []))
    .at(-1)

describe('a run of apt', () => {
  it('has a restore point, whose standby GRUB starts until the run is closed', () => {
    const plan = planAptRun(state(), request(), context())
    expect(kindsOf(plan)).toEqual(['generation.take', 'generation.describe', 'be.clone', 'boot-set.share', 'index.change', 'menu.write', 'choice.write'])
    expect(finalChoice(plan)).toEqual(goodChoice(3))
    expect(sessionAfter(plan)).toMatchObject({
      operation: 'apt',
      phase: 'armed',
      be: name(1),
      fallback: name(3),
      owner: OWNER,
      bootId: 'b1',
      text: 'before apt run of gateway 2.0',
    })
    expect(plan.commit).toBe('arm')
    expect(PlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(JSON.parse(JSON.stringify(plan)))
  })

  it.each(['apt', 'upgrade'])('joins the restore point of %s that waits for its reboot, arms it again, and is its owner from then on', (operation) => {
    const plan = planAptRun(during('trial', { operation, choice: 'trial' }), request(), context())
    expect(kindsOf(plan)).toEqual(['index.change', 'menu.write', 'choice.write'])
    expect(finalChoice(plan)).toEqual(goodChoice(3))
    expect(sessionAfter(plan)).toMatchObject({ operation: 'apt', phase: 'armed', generation: 2, fallback: name(3), owner: OWNER })
  })

  it('takes over a session whose owner is gone, and does nothing about one whose owner works', () => {
    expect(sessionAfter(planAptRun(during('armed'), request(), context()))).toMatchObject({ phase: 'armed', generation: 2, owner: OWNER })
    expect(planAptRun(during('armed'), request({ isArmedByLiving: true }), context()).steps).toEqual([])
    expect(planAptRun(during('armed'), request({ owner: { ...OWNER, pid: 1, startTime: '1' } }), context()).steps).toEqual([])
  })

  it('may mend what apt broke, and not what an upgrade did', () => {
    expect(sessionAfter(planAptRun(during('failed'), request(), context()))).toMatchObject({ phase: 'armed', generation: 2 })
    expect(refusalOf(() => planAptRun(during('failed', { operation: 'upgrade' }), request(), context())).code).toBe('session/failed')
  })

  it.each([
    ['its trial after the reboot', during('trial', { choice: 'trial', bootId: 'b0' })],
    ['a rollback that was chosen before the reboot', { ...during('trial'), choice: { good: name(1), trial: name(3), attemptsLeft: 3, once: null } as const }],
    ['the trial of another version', state({ choice: { good: name(1), trial: name(2), attemptsLeft: 2, once: null } })],
    ['a fallback that nobody confirmed', during('trial', { choice: 'trial', bootId: 'b0', running: 3 })],
  ])('waits during %s', (_name, unverified) => {
    const refusal = refusalOf(() => planAptRun(unverified, request(), context()))
    expect(refusal.code).toBe('apt/unverified')
    expect(refusal.message).toContain('unverified means waiting')
  })

  it('is refused where there is no room', () => {
    const refusal = refusalOf(() => planAptRun(state(), request({ archiveBytes: 3_000 * MIB }), context()))
    expect([refusal.exitCode, refusal.message]).toEqual([12, 'the run of apt needs 12256 MiB on the pool; 10000 MiB is free'])
  })
})

describe('the end of a run of apt', () => {
  const close = (facts: Parameters<typeof during>[1] = {}, untouched = false) => {
    const open = during('armed', facts)
    if (open.index.session === null) throw new Error('a session is open')
    return planCloseAptRun(open, { session: open.index.session, untouched }, context())
  }

  it('verifies and puts the result on trial', () => {
    const plan = close()
    expect(kindsOf(plan)).toEqual([
      'packages.verify',
      'grub.ensure',
      'boot-set.build',
      'root.describe',
      'index.change',
      'menu.write',
      'choice.write',
      'reboot.note',
    ])
    expect(finalChoice(plan)).toEqual({ good: name(3), trial: name(1), attemptsLeft: 3, once: null })
    expect(sessionAfter(plan)).toMatchObject({ phase: 'trial' })
    expect(PlanSchema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(JSON.parse(JSON.stringify(plan)))
  })

  it('flags what does not verify and leaves the fallback armed', () => {
    const { escape } = close()
    expect(escape).toMatchObject({ from: 'verify-packages', resume: 'verify-packages' })
    expect(escape?.steps.map(({ kind }) => kind)).not.toContain('choice.write')
    expect(JSON.stringify(escape?.steps)).toContain('"phase":"failed"')
  })

  it('takes a run back that changed nothing: GRUB’s choice first, then the records, then what they name', () => {
    const plan = close({}, true)
    expect(kindsOf(plan).slice(0, 3)).toEqual(['choice.write', 'index.change', 'menu.write'])
    expect(finalChoice(plan)).toEqual(goodChoice(1))
    expect(destroyedBy(plan)).toEqual(['be-000003', 'gen-000002'])
    expect(sessionAfter(plan)).toBeNull()
  })

  it('flags a run that a power cut ended, and leaves GRUB’s choice alone', () => {
    const plan = close({ running: 3 }, true)
    expect(kindsOf(plan)).toEqual(['index.change', 'menu.write'])
    expect(sessionAfter(plan)).toMatchObject({ phase: 'failed' })
  })
})
