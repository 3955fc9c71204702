import { describe, expect, it } from 'vitest'
import { cutStates, keptParts, sampleStates } from '../../power-cuts/cut-states.ts'
import type { LogEntry } from '../../power-cuts/write-log.ts'

/** `w` is a write of two blocks, `d` a discard, `f` a flush; each lies at ten times its index in the log. */
const logOf = (letters: string): LogEntry[] =>
  Array.from(letters, (letter, index): LogEntry => {
    const at = index * 10
    return letter === 'f' ? { at, kind: 'flush' } : { at, kind: letter === 'w' ? 'write' : 'discard', offset: index * 8192, size: 8192, dataAt: at + 1 }
  })

const statesOf = (letters: string, startedAt: number, endedAt: number) => cutStates(logOf(letters), { startedAt, endedAt })

describe('the states that a power cut can leave', () => {
  it('begin at the last flush before the operation, and pass over flushes with nothing to make durable', () => {
    const states = statesOf('wfwwfffdf', 15, 1000)
    expect(states.map(({ number, durable, mayBeKept, kept }) => [number, durable, mayBeKept, kept])).toEqual([
      [0, 2, 5, 'none'],
      [1, 2, 5, 'some'],
      [2, 5, 9, 'none'],
      [3, 5, 9, 'some'],
      [4, 9, 9, 'none'],
    ])
  })

  it('begin with the disk at rest when the log begins with the operation', () => {
    expect(statesOf('wfwf', 0, 25).map(({ number, durable, mayBeKept, kept }) => [number, durable, mayBeKept, kept])).toEqual([
      [0, 0, 2, 'none'],
      [1, 0, 2, 'some'],
      [2, 2, 4, 'none'],
      [3, 2, 4, 'some'],
      [4, 4, 4, 'none'],
    ])
  })

  it('are after the end when no flush before the end is missing from them', () => {
    // The operation ends behind the second flush, at 50; a write that nobody flushed in time follows.
    expect(statesOf('wfwwfwf', 15, 50).map(({ number, isAfterEnd }) => [number, isAfterEnd])).toEqual([
      [0, false],
      [1, false],
      [2, true],
      [3, true],
      [4, true],
    ])
  })

  it('are sampled over the whole operation, the same for the same seed, and always with one that the end has promised', () => {
    const states = statesOf(`wf${'wwf'.repeat(100)}`, 15, 2900)
    const sample = sampleStates(states, 8, 1)
    expect(sample).toEqual(sampleStates(states, 8, 1))
    expect(sample).toHaveLength(8)
    expect(sample.find(({ isAfterEnd }) => isAfterEnd)).toEqual(states.find(({ isAfterEnd, kept }) => isAfterEnd && kept === 'some'))
    expect(sampleStates(states, 'all', 1)).toEqual(states)
    expect(Math.max(...sample.slice(1).map(({ number }, index) => number - (sample[index]?.number ?? 0)))).toBeLessThan(states.length / 3)
  })
})

describe('what is kept of the writes after the last flush', () => {
  const log = logOf(`wf${'wd'.repeat(50)}f`)
  const [none, some] = cutStates(log, { startedAt: 15, endedAt: 10_000 })

  it('is nothing, or whole blocks from the beginning of some of them in their order', () => {
    if (none === undefined || some === undefined) throw new Error('there are states')
    expect(keptParts(log, none, 1)).toEqual([])
    const samples = Array.from({ length: 20 }, (_, seed) => keptParts(log, some, seed))
    for (const parts of samples) {
      expect(parts.map(({ entry }) => entry.at)).toEqual(parts.map(({ entry }) => entry.at).toSorted((a, b) => a - b))
      for (const { entry, bytes } of parts) expect([4096, 8192].includes(bytes) && entry.at >= 20 && entry.at < 1020).toBe(true)
    }
    expect(new Set(samples.map((parts) => parts.length)).size).toBeGreaterThan(5)
    expect(samples.flat().some(({ bytes }) => bytes === 4096)).toBe(true)
    expect(keptParts(log, some, 3)).toEqual(keptParts(log, some, 3))
  })
})
