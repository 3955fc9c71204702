import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planMenu, type MenuCandidate } from '../../../src/boot/menu.ts'
import { asciiTitle, TITLE_WIDTH } from '../../../src/boot/menu-title.ts'
import { beName } from '../../../src/snap/names.ts'

/** Made a day apart: the higher the number, the newer. */
const candidate = (number: number, changes: Partial<MenuCandidate> = {}): MenuCandidate => ({
  be: beName(number),
  generation: number,
  createdAt: new Date(Date.UTC(2026, 0, number, 14, 3)).toISOString(),
  origin: null,
  reason: 'before upgrade',
  kernelVersion: '6.12.117+deb13-amd64',
  isCurrent: false,
  keep: false,
  isFactory: false,
  arguments: [`belay.be=${beName(number)}`],
  ...changes,
})
const numbers = (entries: readonly { readonly be: string }[]): number[] => entries.map(({ be }) => Number(be.slice(-6)))

describe('the menu', () => {
  it('has the newest in front and the rest behind, newest first', () => {
    const { front, rest } = planMenu({ product: 'Debian', candidates: [1, 2, 3, 4, 5].map((number) => candidate(number)), choice: null, frontEntries: 3 })
    expect(numbers(front)).toEqual([5, 4, 3])
    expect(numbers(rest)).toEqual([2, 1])
  })

  it('has the newest in front also when the clock was set back before they were taken', () => {
    const taken = [2026, 2026, 2026, 1970, 1971].map((year, position) => candidate(position + 1, { createdAt: new Date(Date.UTC(year, 0, 1)).toISOString() }))
    const { front, rest } = planMenu({ product: 'Debian', candidates: taken, choice: null, frontEntries: 3 })
    expect([numbers(front), numbers(rest)]).toEqual([
      [5, 4, 3],
      [2, 1],
    ])
  })

  it('has whatever may boot by itself, the running one and the factory in front, however old', () => {
    const candidates = [
      candidate(1, { isFactory: true }),
      candidate(2),
      candidate(3),
      candidate(4),
      candidate(5, { isCurrent: true }),
      ...[6, 7, 8, 9].map((number) => candidate(number)),
    ]
    const choice = { good: beName(2), trial: beName(3), attemptsLeft: 2 as const, once: beName(4) }
    const { front, rest } = planMenu({ product: 'Debian', candidates, choice, frontEntries: 2 })
    expect(numbers(front)).toEqual([5, 4, 3, 2, 1])
    expect(numbers(rest)).toEqual([9, 8, 7, 6])
  })

  it('prefers kept ones to newer ones, but has the newest', () => {
    const candidates = [candidate(1, { keep: true }), candidate(2), candidate(3, { keep: true }), candidate(4), candidate(5)]
    expect(numbers(planMenu({ product: 'Debian', candidates, choice: null, frontEntries: 3 }).front)).toEqual([5, 3, 1])
  })

  it('offers every candidate exactly once', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 20 }),
        fc.infiniteStream(fc.boolean()),
        (chosen, frontEntries, flags) => {
          const flag = (): boolean => flags.next().value === true
          const candidates = chosen.map((number) => candidate(number, { keep: flag(), isCurrent: flag() && flag() && flag() }))
          const { front, rest } = planMenu({ product: 'Debian', candidates, choice: null, frontEntries })
          expect(numbers([...front, ...rest]).toSorted((a, b) => a - b)).toEqual(chosen.toSorted((a, b) => a - b))
          expect(front.length).toBeLessThanOrEqual(Math.max(frontEntries, candidates.filter(({ isCurrent }) => isCurrent).length))
        },
      ),
    )
  })

  it.each([
    [{}, 'Debian - version 7 - 2026-01-07 14:03 - before upgrade'],
    [{ reason: 'before upgrade to linux 6.12.117' }, 'Debian - version 7 - 2026-01-07 14:03 - before upgrade to linux 6.12.117'],
    [{ isFactory: true, keep: true }, 'Debian - version 7 (factory) - 2026-01-07 14:03 - before upgrade'],
    [{ keep: true }, 'Debian - version 7 (kept) - 2026-01-07 14:03 - before upgrade'],
    [{ generation: null, isCurrent: true, reason: '' }, 'Debian - current version - 2026-01-07 14:03 - linux 6.12.117+deb13-amd64'],
    [{ generation: null }, 'Debian - version of be-000007 - 2026-01-07 14:03 - before upgrade'],
    [{ createdAt: 'yesterday' }, 'Debian - version 7 - yesterday - before upgrade'],
  ])('has titles to choose by: %j', (changes, title) => {
    expect(planMenu({ product: 'Debian', candidates: [candidate(7, changes)], choice: null }).front[0]?.title).toBe(title)
  })

  it('tells the time of the place', () => {
    expect(planMenu({ product: 'Debian', candidates: [candidate(7)], choice: null, timeZone: 'Europe/Vienna' }).front[0]?.title).toContain('2026-01-07 15:03')
  })
})

describe('a title', () => {
  it.each([
    ['Größe — “naïve” résumé · Łódź → Ø €5…', 'Grosse - "naive" resume - Lodz -> O EUR5...'],
    ['日本 🎉 ok', '?? ? ok'],
    ['two\n lines\tand\u0000more', 'two lines and more'],
    ['--id x', 'id x'],
  ])('of %j is %j', (text, expected) => {
    expect(asciiTitle(text)).toBe(expected)
  })

  it('is one bounded line of printable ASCII that does not begin like an option, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const title = asciiTitle(text)
        expect(title).toMatch(/^(?:[^-\P{ASCII}\p{Cc}][^\P{ASCII}\p{Cc}]*)?$/u)
        expect(title.length).toBeLessThanOrEqual(TITLE_WIDTH)
      }),
    )
  })
})
