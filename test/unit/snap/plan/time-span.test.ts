import { describe, expect, it } from 'vitest'
import { hoursBetween, spanBetween } from '../../../../src/snap/plan/time-span.ts'
import { NOW } from './planning-state.ts'

const after = (minutes: number): string => new Date(Date.parse(NOW) + minutes * 60_000).toISOString()

describe('a span of time', () => {
  it.each([
    [0.5, 'less than a minute'],
    [1, '1 minute'],
    [59.9, '59 minutes'],
    [60, '1 hour'],
    [61, '1 hour and 1 minute'],
    [150, '2 hours and 30 minutes'],
    [24 * 60, '1 day'],
    [24 * 60 + 59, '1 day'],
    [51 * 60, '2 days and 3 hours'],
    [400 * 24 * 60, '400 days'],
    [-60, 'less than a minute'],
  ])('of %d minutes is told in its two largest units: %s', (minutes, text) => {
    expect(spanBetween(NOW, after(minutes))).toBe(text)
  })

  it('is hours to a tenth for programs', () => {
    expect([20, 51 * 60, -5].map((minutes) => hoursBetween(NOW, after(minutes)))).toEqual([0.3, 51, 0])
  })
})
