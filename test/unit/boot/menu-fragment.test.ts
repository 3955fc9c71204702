import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grubQuote } from '../../../src/boot/grub-quoting.ts'
import { entryFile, menuFragment } from '../../../src/boot/menu-fragment.ts'
import { readEntryFile, readFragment } from '../../../src/boot/menu-fragment-reader.ts'
import { beName } from '../../../src/snap/names.ts'

const entry = (number: number) => ({ be: beName(number), title: `version ${String(number)}`, arguments: ['root=UUID=x', 'ro', `belay.be=${beName(number)}`] })
const front = [entry(3), entry(1)]
const rest = [entry(2), entry(4)]
const whole = menuFragment({ front, rest }, { confirmed: beName(1) })

/** One word of GRUB's language back to its text: quotes taken off as in grub-core/script/yylex.l. */
const unquoted = (word: string): string => word.replaceAll(/'([^']*)'|\\(.)/gs, '$1$2')

describe('quoting for GRUB', () => {
  it('makes one literal word of any text, control characters aside', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const quoted = grubQuote(text)
        expect(quoted).toMatch(/^(?:'[^']*'|\\')+$/)
        expect(quoted).not.toMatch(/\p{Cc}/u)
        expect(unquoted(quoted)).toBe(text.replaceAll(/\p{Cc}/gu, ' '))
      }),
    )
  })
})

describe('the menu fragment', () => {
  it('reads back as it was planned', () => {
    const { entries, located, confirmed, known } = readFragment(whole)
    expect([...entries.keys()]).toEqual(['be-000003', 'be-000001', 'be-000002', 'be-000004'])
    expect(entries.get('be-000002')).toEqual({
      kernel: 'belay/be/be-000002/vmlinuz',
      initrd: 'belay/be/be-000002/initrd.img',
      arguments: ['root=UUID=x', 'ro', 'belay.be=be-000002'],
    })
    expect([...located]).toEqual(known)
    expect(known).toEqual(['be-000003', 'be-000001', 'be-000002', 'be-000004'])
    expect(confirmed).toBe('be-000001')
  })

  it('counts the entries of the top menu after each of them, for the fallback that takes numbers only', () => {
    const counted = whole.split('\n').filter((line) => /^(?:menuentry|submenu|set belay_entries)/.test(line))
    expect(counted.map((line) => `${line.split(' ')[0] ?? ''}${/=\d+/.exec(line)?.[0] ?? ''}`)).toEqual([
      'menuentry',
      'set=1',
      'menuentry',
      'set=2',
      'submenu',
      'set=3',
    ])
  })

  it('gives the path of an entry in the submenu, and no submenu where there is nothing for it', () => {
    expect(whole).toContain("set belay_entry='belay-older>be-000002'")
    expect(menuFragment({ front, rest: [] }, { confirmed: null })).not.toContain('submenu')
  })

  it('knows nothing when it breaks off anywhere before its ladder is whole', () => {
    const ladderEnds = whole.indexOf('}\nset belay_confirmed')
    for (let length = 0; length <= ladderEnds; length += 7) expect(readFragment(whole.slice(0, length)).located.size).toBe(0)
  })
})

describe('an entry file', () => {
  it('is used only when it is whole and of that boot environment', () => {
    const text = entryFile(entry(3))
    expect(readEntryFile(text, beName(3))?.arguments).toContain('belay.be=be-000003')
    expect(readEntryFile(text, beName(4))).toBeNull()
    for (let length = 0; length < text.length - 1; length += 1) expect(readEntryFile(text.slice(0, length), beName(3))).toBeNull()
  })
})
