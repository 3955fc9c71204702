import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JudgedBoot, type Verdict, judgeBoot } from '../../../../src/snap/plan/judge-boot.ts'

const ON_TRIAL: JudgedBoot = { onTrial: true, rolledBack: false, attemptsLeft: 2, givenUp: false, healthy: true, healthyBoots: 0, wanted: 1 }

const anyBoot: fc.Arbitrary<JudgedBoot> = fc.record({
  onTrial: fc.boolean(),
  rolledBack: fc.boolean(),
  attemptsLeft: fc.nat(3),
  givenUp: fc.boolean(),
  healthy: fc.boolean(),
  healthyBoots: fc.nat(3),
  wanted: fc.integer({ min: 1, max: 3 }),
})

describe('the verdict on a boot', () => {
  it.each<readonly [string, Partial<JudgedBoot>, Verdict]>([
    ['confirms a healthy trial', {}, 'confirm'],
    ['confirms on the last attempt too', { attemptsLeft: 0 }, 'confirm'],
    ['waits for the second of two healthy boots', { wanted: 2 }, 'wait'],
    ['confirms with the second of two', { wanted: 2, healthyBoots: 1 }, 'confirm'],
    ['confirms where more were counted than policy wants by now', { healthyBoots: 2 }, 'confirm'],
    ['leaves a sick trial, however many attempts it has', { healthy: false }, 'fall-back'],
    ['leaves a trial that was healthy before and is not now', { healthy: false, healthyBoots: 1, wanted: 2 }, 'fall-back'],
    ['tells of a sick version that is no trial, and leaves it running', { onTrial: false, healthy: false }, 'report'],
    ['confirms what an upgrade was rolled back to', { onTrial: false, rolledBack: true }, 'confirm'],
    ['never reboots for it', { onTrial: false, rolledBack: true, healthy: false }, 'report'],
    ['confirms nothing else that is no trial', { onTrial: false }, 'report'],
    [
      'stays in a trial that was given up and that GRUB started because it could load nothing else',
      { givenUp: true, attemptsLeft: 0, healthy: false },
      'report',
    ],
    ['judges a version anew that was given up once and is tried again', { givenUp: true, attemptsLeft: 2, healthy: false }, 'fall-back'],
  ])('%s', (_, facts, verdict) => {
    expect(judgeBoot({ ...ON_TRIAL, ...facts })).toBe(verdict)
  })

  it('leaves nothing but a sick trial, and confirms nothing but a healthy one', () => {
    fc.assert(
      fc.property(anyBoot, (boot) => {
        const verdict = judgeBoot(boot)
        if (verdict === 'fall-back') expect(boot).toMatchObject({ onTrial: true, healthy: false })
        if (verdict === 'confirm' || verdict === 'wait') expect(boot).toMatchObject({ healthy: true })
        if (verdict === 'wait' || (verdict === 'confirm' && !boot.rolledBack)) expect(boot).toMatchObject({ onTrial: true })
      }),
    )
  })

  it('comes to an end: a machine whose versions are all sick reboots once for its trial, and stays up then', () => {
    // After a fallback what was good before runs, or, where GRUB cannot load it, the same trial with its attempts used up.
    const fallback = judgeBoot({ ...ON_TRIAL, onTrial: false, healthy: false })
    const sameAgain = judgeBoot({ ...ON_TRIAL, attemptsLeft: 0, givenUp: true, healthy: false })
    expect([judgeBoot({ ...ON_TRIAL, healthy: false }), fallback, sameAgain]).toEqual(['fall-back', 'report', 'report'])
  })
})
