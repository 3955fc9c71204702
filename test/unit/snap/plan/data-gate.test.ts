import { describe, expect, it } from 'vitest'
import { dataName } from '../../../../src/snap/names.ts'
import { passDataGate } from '../../../../src/snap/plan/data-gate.ts'
import { NOW, data, generation, refusalOf, state } from './planning-state.ts'

const pass = (reads: string | null, written: string | null, facts: { readonly force?: boolean; readonly withDataPossible?: boolean } = {}) =>
  passDataGate({
    index: state({ data: [data(1, written), data(2, '9.0.0', 'log')] }).index,
    generation: generation(1, { dataFormat: reads, createdAt: '2026-11-20T03:00:00.000Z' }),
    data: [
      { mountpoint: '/srv/files', data: dataName(1) },
      { mountpoint: '/var/log', data: dataName(2) },
      { mountpoint: '/gone', data: dataName(3) },
    ],
    force: facts.force ?? false,
    now: NOW,
    withDataPossible: facts.withDataPossible ?? true,
  })

describe('the data gate', () => {
  it.each([
    ['1.0.0', '1.0.0'],
    ['1.0.0', '1.9.3'],
    ['2.0.0', '1.0.0'],
    ['1.0.0', null],
    [null, null],
  ])('lets a version that reads %s at data of %s', (reads, written) => {
    expect(pass(reads, written)).toEqual([])
  })

  it.each([
    ['1.9.9', '2.0.0'],
    [null, '1.0.0'],
  ])('refuses a version that reads %s at data of %s', (reads, written) => {
    expect(refusalOf(() => pass(reads, written))).toMatchObject({ code: 'data-format', exitCode: 10, data: { hours: 24 } })
  })

  it('offers the data of that time only where it exists', () => {
    expect(refusalOf(() => pass('1.0.0', '2.0.0')).next.join('\n')).toContain('--with-data')
    expect(refusalOf(() => pass('1.0.0', '2.0.0', { withDataPossible: false })).next.join('\n')).not.toContain('--with-data')
  })

  it('warns instead when it is forced', () => {
    expect(pass('1.0.0', '2.0.0', { force: true })).toEqual([expect.stringContaining('--force')])
  })
})
