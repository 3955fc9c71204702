import { describe, expect, it } from 'vitest'
import { dataName } from '../../../../src/snap/names.ts'
import { passDataGate } from '../../../../src/snap/plan/data-gate.ts'
import type { LeftBehind } from '../../../../src/snap/plan/left-behind.ts'
import { NOW, data, generation, name, refusalOf, state } from './planning-state.ts'

const LEFT: LeftBehind = {
  path: '/srv/files',
  role: 'data',
  be: name(1),
  volume: '@belay/data/data-000001/volume',
  since: '2026-11-20T03:00:00.000Z',
  hours: 24,
  wayBack: 'belay forward 4',
}

const pass = (reads: string | null, written: string | null, facts: { readonly force?: boolean; readonly withData?: readonly LeftBehind[] | null } = {}) =>
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
    withData: facts.withData === undefined ? [LEFT] : facts.withData,
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
    expect(refusalOf(() => pass(reads, written))).toMatchObject({ code: 'data-format', exitCode: 10, data: { hours: 24, leavesBehind: [LEFT] } })
  })

  it('offers the data of that time only where it exists', () => {
    expect(refusalOf(() => pass('1.0.0', '2.0.0')).next.join('\n')).toContain(
      '--with-data  takes /srv/files (now @belay/data/data-000001/volume) back 1 day, to 2026-11-20 03:00 UTC; what was written there since is kept',
    )
    expect(refusalOf(() => pass('1.0.0', '2.0.0', { withData: null })).next.join('\n')).not.toContain('--with-data')
  })

  it('warns instead when it is forced', () => {
    expect(pass('1.0.0', '2.0.0', { force: true })).toEqual([expect.stringContaining('--force')])
  })
})
