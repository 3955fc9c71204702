import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grubCfg } from '../../../src/boot/grub-cfg.ts'
import { grubQuote } from '../../../src/boot/grub-quoting.ts'
import { entryFile, menuFragment } from '../../../src/boot/menu-fragment.ts'
import { asciiTitle } from '../../../src/boot/menu-title.ts'
import { beName } from '../../../src/snap/names.ts'
import { vectorEntry } from './boot-vectors.ts'

const CHECK = '/usr/bin/grub-script-check'

/** What grub-script-check (grub-common) has against a script; empty when nothing. */
function complaints(script: string): string {
  const { status, stderr } = spawnSync(CHECK, { input: script, encoding: 'utf8' })
  return status === 0 ? '' : stderr
}

describe('grub-script-check', () => {
  it.each([
    ['grub.cfg', grubCfg({ timeoutSeconds: 5, terminal: {} })],
    ['grub.cfg with a serial terminal', grubCfg({ timeoutSeconds: 0, terminal: { serial: { unit: 1, speed: 9600 } } })],
    ['an empty fragment', menuFragment({ front: [], rest: [] }, { confirmed: null })],
    [
      'a fragment with a submenu',
      menuFragment({ front: [1, 2].map((n) => vectorEntry(beName(n))), rest: [3, 4].map((n) => vectorEntry(beName(n))) }, { confirmed: beName(1) }),
    ],
    ['an entry file', entryFile(vectorEntry(beName(1)))],
  ])('accepts %s', (_, script) => {
    expect(complaints(script)).toBe('')
  })

  it('notices a script that is cut', () => {
    expect(complaints(entryFile(vectorEntry(beName(1))).slice(0, 300))).not.toBe('')
  })

  it('accepts a fragment with any titles and any quoted texts', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 1, maxLength: 20 }), (texts) => {
        const front = texts.map((text, index) => ({ be: beName(index + 1), title: asciiTitle(text), arguments: ['ro'] }))
        const quoted = texts.map((text) => `echo ${grubQuote(text)}\n`).join('')
        expect(complaints(menuFragment({ front, rest: front }, { confirmed: null }) + quoted)).toBe('')
      }),
      { numRuns: 40 },
    )
  })
})
