import { describe, expect, it } from 'vitest'
import { BootChoice, nextBoot } from '../../../src/boot/boot-choice.ts'
import { beName } from '../../../src/snap/names.ts'

const [ONE, TWO, THREE] = [beName(1), beName(2), beName(3)] as const
const choice = (changes: Partial<BootChoice>): BootChoice => ({ good: ONE, trial: null, attemptsLeft: 0, once: null, ...changes })

describe('the next boot', () => {
  it.each([
    ['the good one when nothing is asked for', choice({}), { be: ONE, why: 'good' }],
    ['a trial that has attempts', choice({ trial: TWO, attemptsLeft: 1 }), { be: TWO, why: 'trial' }],
    ['the good one when the trial has used them up', choice({ trial: TWO, attemptsLeft: 0 }), { be: ONE, why: 'good' }],
    ['once before everything', choice({ trial: TWO, attemptsLeft: 3, once: THREE }), { be: THREE, why: 'once' }],
    ['the good one when attempts are left of no trial', choice({ attemptsLeft: 2 }), { be: ONE, why: 'good' }],
  ])('is %s', (_, given, expected) => {
    expect(nextBoot(given)).toEqual(expected)
  })

  it('has at most three attempts', () => {
    expect(BootChoice.safeParse({ ...choice({}), attemptsLeft: 4 }).success).toBe(false)
  })
})
