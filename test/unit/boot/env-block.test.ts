import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BootChoice } from '../../../src/boot/boot-choice.ts'
import { ENV_BLOCK_BYTES, formatEnvBlock, OURS_WITHIN_BYTES, parseEnvBlock, readEnvVariables, saveEnvVariable } from '../../../src/boot/env-block.ts'
import { beName } from '../../../src/snap/names.ts'

const bes = fc.integer({ min: 1, max: 999_999 }).map(beName)
const choices: fc.Arbitrary<BootChoice> = fc.record({
  good: bes,
  trial: fc.option(bes),
  attemptsLeft: fc.constantFrom(0, 1, 2, 3),
  once: fc.option(bes),
})
const foreignNames = fc.stringMatching(/^[a-z_][a-z0-9_]{0,11}$/).filter((name) => !name.startsWith('belay_'))
const foreignValues = fc.stringMatching(/^[\x01-\xff]{0,40}$/)
const others = fc.dictionary(foreignNames, foreignValues, { maxKeys: 6, noNullPrototype: true }).map((values) => new Map(Object.entries(values)))

describe('the env block', () => {
  it('reads back what was written, foreign variables included, in exactly 1024 bytes', () => {
    fc.assert(
      fc.property(choices, others, (choice, foreign) => {
        const { bytes, dropped } = formatEnvBlock(choice, foreign)
        expect(bytes).toHaveLength(ENV_BLOCK_BYTES)
        expect(dropped).toEqual([])
        expect(parseEnvBlock(bytes)).toEqual({ choice, others: foreign, problems: [] })
      }),
    )
  })

  it('has all of its own values within the first sector, whatever else is in it', () => {
    fc.assert(
      fc.property(choices, fc.dictionary(foreignNames, fc.stringMatching(/^[ -~]{0,200}$/), { noNullPrototype: true }), (choice, foreign) => {
        const { bytes } = formatEnvBlock(choice, new Map(Object.entries(foreign)))
        const firstSector = bytes.subarray(0, OURS_WITHIN_BYTES)
        expect(parseEnvBlock(firstSector).choice).toEqual(choice)
      }),
    )
  })

  it('keeps the boot choice and names what had to go when foreign variables fill it', () => {
    const foreign = new Map([
      ['first', 'x'.repeat(500)],
      ['second', 'y'.repeat(500)],
      ['third', 'z'],
    ])
    const { bytes, dropped } = formatEnvBlock({ good: beName(1), trial: null, attemptsLeft: 0, once: null }, foreign)
    expect(dropped).toEqual(['second'])
    expect([...parseEnvBlock(bytes).others.keys()]).toEqual(['first', 'third'])
  })

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1100 }), fc.boolean(), (junk, signed) => {
        const bytes = signed ? Buffer.concat([Buffer.from('# GRUB Environment Block\n'), junk]) : junk
        const { choice, problems } = parseEnvBlock(bytes)
        expect(choice !== null || problems.length > 0).toBe(true)
      }),
    )
  })

  it('survives being cut at any byte: the choice is whole, or lacks what was cut, or is lost', () => {
    const choice: BootChoice = { good: beName(1), trial: beName(2), attemptsLeft: 3, once: beName(3) }
    const { bytes } = formatEnvBlock(choice)
    for (let length = 0; length <= bytes.length; length += 1) {
      const { choice: read } = parseEnvBlock(bytes.subarray(0, length))
      if (read === null) continue
      expect(read.good).toBe(choice.good)
      expect([null, choice.trial]).toContain(read.trial)
      expect([0, 3]).toContain(read.attemptsLeft)
      expect([null, choice.once]).toContain(read.once)
    }
  })

  it.each([
    ['nothing', Buffer.alloc(0), ['the env block is empty']],
    ['another file', Buffer.alloc(1024, 'x'), ['the env block does not begin with GRUB’s signature']],
  ])('says so when it is %s', (_, bytes, problems) => {
    expect(parseEnvBlock(bytes)).toEqual({ choice: null, others: new Map(), problems })
  })

  it('names each value that it cannot use', () => {
    const bytes = Buffer.from('# GRUB Environment Block\nbelay_good=be-000001\nbelay_trial=be-1\nbelay_once=../x\nbelay_left=9\n'.padEnd(1024, '#'))
    const { choice, problems } = parseEnvBlock(bytes)
    expect(choice).toEqual({ good: beName(1), trial: null, attemptsLeft: 0, once: null })
    expect(problems).toEqual(['belay_trial is not the name of a boot environment: "be-1"', 'belay_once is not the name of a boot environment: "../x"'])
  })

  it('warns of an end that GRUB cannot save behind, and of a wrong size', () => {
    const { bytes } = formatEnvBlock({ good: beName(1), trial: null, attemptsLeft: 0, once: null })
    const { choice, problems } = parseEnvBlock(Buffer.concat([bytes, Buffer.from('rubbish')]))
    expect(choice?.good).toBe('be-000001')
    expect(problems).toEqual(['the env block has 1031 bytes, not 1024', 'the env block ends in garbage: GRUB can read it but not save into it'])
  })
})

describe('what GRUB saves', () => {
  it('is what GRUB then reads, and moves nothing else', () => {
    fc.assert(
      fc.property(
        choices,
        others,
        fc.constantFrom('belay_once', 'belay_left', 'new_one'),
        fc.constantFrom('', '2', 'be-000042'),
        (choice, foreign, name, value) => {
          const { bytes } = formatEnvBlock(choice, foreign)
          const after = saveEnvVariable(bytes, name, value)
          const expected = new Map(readEnvVariables(bytes)).set(name, value)
          if (after === null) return
          expect(after).toHaveLength(ENV_BLOCK_BYTES)
          expect(readEnvVariables(after)).toEqual(expected)
        },
      ),
    )
  })
})
