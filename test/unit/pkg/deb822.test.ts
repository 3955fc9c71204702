import { describe, expect, it } from 'vitest'
import { readStanzas } from '../../../src/pkg/deb822.ts'

const read = (text: string, ...wanted: string[]) => [...readStanzas(text, wanted)].map((stanza) => Object.fromEntries(stanza))

describe('a control file', () => {
  it('is read paragraph by paragraph, wanted fields only', () => {
    expect(read('A: 1\nB: 2\nA-de: 3\n\n\nA: 4\n\nB: 5\n', 'A')).toEqual([{ A: '1' }, { A: '4' }])
  })

  it('has values of several lines, and lines that only look like fields inside of them', () => {
    expect(read('A: first\n second\n A: third\n .\nB: x\n\tA: y\nA2: z\n', 'A', 'B')).toEqual([{ A: 'first\nsecond\nA: third\n.', B: 'x\nA: y' }])
  })

  it('may have values that begin on the next line, colons in them, and no newline at its end', () => {
    expect(read('A:\n /etc/x 1\n /etc/y 2\nB: a: b', 'A', 'B')).toEqual([{ A: '/etc/x 1\n/etc/y 2', B: 'a: b' }])
  })
})
