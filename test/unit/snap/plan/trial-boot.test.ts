import { describe, expect, it } from 'vitest'
import { planConfirm } from '../../../../src/snap/plan/confirm.ts'
import { planFallBack, planNextTrialBoot, planOrderlyEnd } from '../../../../src/snap/plan/trial-boot.ts'
import { NOW, be, changesOf, context, data, finalChoice, generation, name, refusalOf, session, state } from './planning-state.ts'

const faults = [{ check: 'units', text: 'acme-gateway.service has failed', lines: ['cannot read the data of 3.0.0'] }]

/** be-000001 was upgraded and runs its trial, on its second boot of three; be-000003 is its fallback. */
const onTrial = (facts: Parameters<typeof state>[0] = {}) =>
  state({
    generations: [generation(1, { kind: 'factory' }), generation(2, { kind: 'before-upgrade' })],
    bes: [be(1), be(2, { origin: 1, standsFor: 1 }), be(3, { origin: 2, standsFor: 2, data: 2 })],
    data: [data(1), data(2)],
    session: { ...session('trial', { be: 1, fallback: 3, generation: 2 }), startedAt: '2026-11-21T01:00:00.000Z' },
    choice: { good: name(3), trial: name(1), attemptsLeft: 1, once: null },
    ...facts,
  })

const trialHealthOf = (plan: Parameters<typeof changesOf>[0]) =>
  changesOf(plan).flatMap((change) => (change.planned === 'change' && change.change.change === 'trial-health' ? [change.change.trialHealth.to] : []))

describe('a boot of a trial', () => {
  it('that was healthy where more are wanted is counted, and gives the trial all its attempts again', () => {
    const plan = planNextTrialBoot(onTrial(), { bootId: 'boot-2', healthyBoots: 1 }, context({ trial: { attempts: 2, healthyBoots: 2 } }))
    expect(finalChoice(plan)).toEqual({ good: name(3), trial: name(1), attemptsLeft: 2, once: null })
    expect(trialHealthOf(plan)).toEqual([{ be: name(1), at: NOW, bootId: 'boot-2', healthyBoots: 1, faults: [], since: null, dataLeft: [] }])
  })

  it('that is ended in order before it was judged has its attempt again, up to those of policy, and keeps what was counted', () => {
    const counted = { be: name(1), at: NOW, bootId: 'boot-1', healthyBoots: 1, faults: [], since: null, dataLeft: [], orderlyEnds: 1 }
    const before = onTrial()
    const plan = planOrderlyEnd({ ...before, index: { ...before.index, trialHealth: counted } }, { bootId: 'boot-2' }, context({ trial: { attempts: 3 } }))
    expect(finalChoice(plan)).toEqual({ good: name(3), trial: name(1), attemptsLeft: 2, once: null })
    expect(trialHealthOf(plan)).toEqual([{ ...counted, bootId: 'boot-2', orderlyEnds: 2 }])
    const last = onTrial({ choice: { good: name(3), trial: name(1), attemptsLeft: 0, once: null } })
    expect(finalChoice(planOrderlyEnd(last, { bootId: 'boot-2' }, context({ trial: { attempts: 1 } })))).toMatchObject({ attemptsLeft: 1 })
  })

  it('that failed uses the attempts up, so that GRUB starts what was good, and records why and what is left', () => {
    const plan = planFallBack(onTrial(), { bootId: 'boot-2', faults }, context())
    expect(finalChoice(plan)).toEqual({ good: name(3), trial: name(1), attemptsLeft: 0, once: null })
    expect(trialHealthOf(plan)).toEqual([
      { be: name(1), at: NOW, bootId: 'boot-2', healthyBoots: 0, faults, since: '2026-11-21T01:00:00.000Z', dataLeft: ['/srv/files'] },
    ])
    expect(plan.faults).toEqual(faults)
    expect(plan.summary).toBe(
      'be-000001 failed its trial (acme-gateway.service has failed); the next boot starts be-000003, and what was written in /srv/files, be-000001 in 2 hours is kept with be-000001',
    )
  })

  it.each([
    ['is confirmed', { choice: { good: name(1), trial: null, attemptsLeft: 0, once: null } as const }],
    ['is the fallback of another', { running: 3 }],
  ])('is none where what runs %s: it is never left', (_, facts) => {
    expect(refusalOf(() => planFallBack(onTrial(facts), { bootId: 'boot-2', faults }, context())).code).toBe('not-on-trial')
  })

  it('ends with the confirmation, which forgets what was counted and learns which units have failed all the same', () => {
    const counted = onTrial()
    const trialHealth = { be: name(1), at: NOW, bootId: 'boot-1', healthyBoots: 1, faults: [], since: null, dataLeft: [] }
    const plan = planConfirm({ ...counted, index: { ...counted.index, trialHealth } }, { atomic: false, failedUnits: ['b.service', 'a.service'] }, context())
    expect(changesOf(plan)).toEqual(
      expect.arrayContaining([
        { planned: 'change', change: { change: 'trial-health', trialHealth: { from: trialHealth, to: null } } },
        { planned: 'change', change: { change: 'known-faults', knownFaults: { from: [], to: ['a.service', 'b.service'] } } },
      ]),
    )
  })
})
