import { describe, expect, it } from 'vitest'
import { median, takeTurns } from '../../../bench/lab/samples.ts'
import { parseTimed } from '../../../bench/lab/timed-command.ts'
import { atMostMore, type Comparison } from '../../../bench/report/comparison.ts'
import { comparisonTable } from '../../../bench/report/markdown.ts'
import { replaceBlock } from '../../../bench/report/publish.ts'
import { InvalidFileError, ToolError } from '../../../src/errors.ts'

const comparison = (belay: number[], other: number[]): Comparison => ({
  what: 'work',
  belay: { name: 'belay', samples: belay },
  other: { name: 'peer', samples: other },
  target: atMostMore(50),
})

describe('the figures of the benchmark', () => {
  it('are medians, also of an even number of runs', () => {
    expect(median([9, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 100])).toBe(3.5)
  })

  it('come from contenders that take turns, with the first round thrown away', async () => {
    const order: string[] = []
    const contender = (name: string) => ({ name, measure: () => Promise.resolve(order.push(name)) })
    const series = await takeTurns({ a: contender('A'), b: contender('B') }, { rounds: 2, warmUp: true })
    expect(order).toEqual(['A', 'B', 'A', 'B', 'A', 'B'])
    expect(series).toEqual({ a: { name: 'A', samples: [3, 5] }, b: { name: 'B', samples: [4, 6] } })
  })

  it('say plainly when a target is missed', () => {
    expect(comparisonTable([comparison([150], [100])])).toContain('| work | 150 ms | peer | 100 ms | 1.50 × | ≤ + 50 ms |')
    expect(comparisonTable([comparison([151], [100])])).toContain('**missed**: ≤ + 50 ms')
  })

  it('are never those of a command that failed', () => {
    expect(parseTimed('0 1500\nhello\n', ['/bin/true'])).toBe(1.5)
    expect(() => parseTimed('1 1500\nno such thing\n', ['/bin/false'])).toThrow(ToolError)
  })
})

describe('the block of figures in a document', () => {
  it('is replaced, and nothing around it', () => {
    expect(replaceBlock('before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter', 'new', 'x')).toBe(
      'before\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nafter',
    )
  })

  it('has to be there', () => {
    expect(() => replaceBlock('nothing', 'new', 'README.md')).toThrow(InvalidFileError)
  })
})
