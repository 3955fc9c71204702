import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type IndexChange, applyChange, inverseOf } from '../../../src/snap/index-change.ts'
import type { Index } from '../../../src/snap/model.ts'
import { GenerationId, beName, dataName } from '../../../src/snap/names.ts'
import { be, bootSetOf, data, generation, session, state } from './plan/planning-state.ts'

const start: Index = state({
  generations: [generation(1), generation(2), generation(4)],
  bes: [be(1), be(2, { standsFor: 1 }), be(3, { standsFor: 2 })],
  data: [data(1), data(2)],
}).index

const known = { generation: fc.constantFrom(1, 2, 4), be: fc.constantFrom(1, 2, 3), data: fc.constantFrom(1, 2) }
const added = fc.integer({ min: 10, max: 99 })
const idOf = (number: number): GenerationId => GenerationId.parse(number)

/** Updates whose `from` is what the index has, as planners make them. */
const change: fc.Arbitrary<IndexChange> = fc.oneof(
  added.map((id): IndexChange => ({ change: 'add-generation', record: generation(id) })),
  added.map((number): IndexChange => ({ change: 'add-be', record: be(number) })),
  added.map((number): IndexChange => ({ change: 'add-data', record: data(number) })),
  known.generation.map((id): IndexChange => ({ change: 'remove-generation', id: idOf(id) })),
  known.be.map((number): IndexChange => ({ change: 'remove-be', name: beName(number) })),
  known.data.map((number): IndexChange => ({ change: 'remove-data', name: dataName(number) })),
  fc.tuple(known.generation, fc.boolean()).map(([id, keep]): IndexChange => ({
    change: 'keep-generation',
    id: idOf(id),
    keep: { from: false, to: keep },
    hold: { from: null, to: keep ? { owner: 'support', until: null } : null },
  })),
  fc
    .tuple(known.generation, fc.constantFrom('confirmed', 'failed'))
    .map(([id, to]): IndexChange => ({ change: 'generation-health', id: idOf(id), health: { from: 'unknown', to } })),
  known.be.map((number): IndexChange => ({ change: 'be-stands-for', name: beName(number), standsFor: { from: found(number).standsFor, to: idOf(4) } })),
  known.be.map((number): IndexChange => ({ change: 'be-confirmed', name: beName(number), confirmedAt: { from: null, to: '2026-11-21T03:00:00.000Z' } })),
  known.be.map((number): IndexChange => ({ change: 'be-members', name: beName(number), members: { from: found(number).members, to: generation(9).members } })),
  known.be.map((number): IndexChange => ({ change: 'be-boot-set', name: beName(number), bootSet: { from: bootSetOf('6.1'), to: bootSetOf('6.9') } })),
  known.be.map((number): IndexChange => ({ change: 'be-data-format', name: beName(number), dataFormat: { from: '1.0.0', to: '2.0.0' } })),
  known.data.map((number): IndexChange => ({ change: 'data-format', name: dataName(number), format: { from: '1.0.0', to: '2.0.0' } })),
  fc.constant<IndexChange>({ change: 'left', left: { from: [], to: [idOf(1), idOf(4)] } }),
  fc.constant<IndexChange>({ change: 'factory', factory: { from: idOf(1), to: idOf(2) } }),
  fc.constant<IndexChange>({ change: 'session', session: { from: null, to: session('armed') } }),
)

const found = (number: number) => {
  const record = start.bootEnvironments.find((candidate) => candidate.name === beName(number))
  if (record === undefined) throw new Error(`no be ${String(number)}`)
  return record
}

/** Numbers that were given out are never given back, so they are left out of comparisons. */
const withoutNumbers = (index: Index): Index => ({ ...index, next: start.next })

describe('a change to the index', () => {
  it('is taken back by its inverse, except a removal and the numbers that it gave out', () => {
    fc.assert(
      fc.property(change, (made) => {
        const inverse = inverseOf(made)
        if (inverse === null) {
          expect(made.change).toMatch(/^remove-/)
          return
        }
        expect(withoutNumbers(applyChange(applyChange(start, made), inverse))).toEqual(start)
      }),
    )
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(change, (made) => {
        const once = applyChange(start, made)
        expect(applyChange(once, made)).toEqual(once)
      }),
    )
  })

  it('may be taken back although it was never made', () => {
    fc.assert(
      fc.property(change, (made) => {
        const inverse = inverseOf(made)
        if (inverse !== null) expect(applyChange(start, inverse)).toEqual(start)
      }),
    )
  })

  it('never lowers the numbers that come next', () => {
    fc.assert(
      fc.property(fc.array(change), (made) => {
        let index = start
        for (const step of made) {
          const next = applyChange(index, step)
          for (const kind of ['generation', 'be', 'data'] as const) expect(next.next[kind]).toBeGreaterThanOrEqual(index.next[kind])
          for (const { id } of next.generations) expect(id).toBeLessThan(next.next.generation)
          index = next
        }
      }),
    )
  })

  it('keeps records in the order of their numbers, and other records as they are', () => {
    const index = applyChange(start, { change: 'add-generation', record: generation(3) })
    expect(index.generations.map((record) => record.id)).toEqual([1, 2, 3, 4])
    expect(index.generations[0]).toBe(start.generations[0])
  })

  it('to a record that is not there makes none', () => {
    expect(applyChange(start, { change: 'be-confirmed', name: beName(9), confirmedAt: { from: null, to: 'now' } })).toEqual(start)
  })
})
