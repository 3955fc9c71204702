import { describe, expect, it } from 'vitest'
import { parseProcStat } from '../../../src/sys/proc-stat.ts'

const rest = 'S 1 812 812 0 -1 4194560 1622 22343 26 44 3 2 35 30 20 0 1 0 4711 10129408 1000'

describe('parseProcStat', () => {
  it('finds name, state, parent and start time', () => {
    expect(parseProcStat(`812 (sshd) ${rest}\n`)).toEqual({ name: 'sshd', state: 'S', parent: 1, startTime: '4711' })
  })

  it('is not misled by a name with spaces and parentheses', () => {
    expect(parseProcStat(`812 (a) Z 1 (b) ${rest}\n`)).toEqual({ name: 'a) Z 1 (b', state: 'S', parent: 1, startTime: '4711' })
  })

  it('refuses text of another form', () => {
    for (const text of ['', '812', '812 (sshd', '812 (sshd) S 1', rest]) expect(parseProcStat(text)).toBeNull()
  })
})
