import { describe, expect, it } from 'vitest'
import { columns } from '../../../src/view/columns.ts'

const ROWS = [
  ['ID', 'WHAT'],
  ['1', 'before an upgrade to linux 6.12.117 and others'],
]

describe('columns', () => {
  it('are as wide as their longest cell where nobody says how wide the terminal is', () => {
    expect(columns(ROWS)).toBe('ID  WHAT\n1   before an upgrade to linux 6.12.117 and others')
  })

  it('break the last cell in its own column when the terminal is narrower', () => {
    expect(columns(ROWS, 30)).toBe('ID  WHAT\n1   before an upgrade to linux\n    6.12.117 and others')
  })

  it('put it below where its own column is too narrow to be read', () => {
    const wide = ROWS.map(([id = '', what = '']) => [id, 'be-000001 be-000001', what])
    expect(columns(wide, 40)).toBe('ID  be-000001 be-000001  WHAT\n1   be-000001 be-000001\n    before an upgrade to linux 6.12.117\n    and others')
  })
})
