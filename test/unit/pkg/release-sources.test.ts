import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChangedError, InvalidFileError, RefusedError } from '../../../src/errors.ts'
import { moveSources } from '../../../src/pkg/release/move-sources.ts'
import { changedText, inverseOfChange } from '../../../src/pkg/release/source-change.ts'
import type { SourceFile } from '../../../src/pkg/release/source-entry.ts'
import { readFixture } from './read-fixture.ts'

const list = (text: string): SourceFile => ({ path: '/etc/apt/sources.list.d/acme.list', text })
const deb822 = (text: string): SourceFile => ({ path: '/etc/apt/sources.list.d/acme.sources', text })

const moved = (file: SourceFile) => {
  const { changes, notices, reachesNew } = moveSources([file], 'bookworm', 'trixie')
  const [change] = changes
  return { text: change === undefined ? file.text : changedText(file, change), notices, reachesNew }
}

describe('sources of the next release', () => {
  it('are made of what Debian’s installer leaves: every entry in use, and nothing else', () => {
    const text = readFixture('sources/debian-12-installer.list')
    const expected = text
      .split('\n')
      .map((line) => (line.startsWith('#') ? line : line.replace('bookworm', 'trixie')))
      .join('\n')
    const { text: result, notices } = moved({ path: '/etc/apt/sources.list', text })
    expect(result).toBe(expected)
    expect(notices).toHaveLength(6)
    expect(notices[0]).toBe('/etc/apt/sources.list:3: bookworm → trixie of http://archive.example/debian/')
    expect(notices[2]).toBe('/etc/apt/sources.list:6: bookworm-security → trixie-security of http://security.example/debian-security')
  })

  it('are made of what Debian’s container image has, in the deb822 format', () => {
    const text = readFixture('sources/debian-12-container.sources')
    const { text: result, notices } = moved({ path: '/etc/apt/sources.list.d/debian.sources', text })
    expect(result).toBe(text.replace('Suites: bookworm bookworm-updates', 'Suites: trixie trixie-updates').replace('bookworm-security', 'trixie-security'))
    expect(notices).toEqual([
      '/etc/apt/sources.list.d/debian.sources:4: bookworm → trixie, bookworm-updates → trixie-updates of http://archive.example/debian',
      '/etc/apt/sources.list.d/debian.sources:11: bookworm-security → trixie-security of http://archive.example/debian-security',
    ])
  })

  it.each([
    [
      'options with blanks and comments behind',
      'deb [ arch=amd64 signed-by=/x.gpg ]\thttp://a/bookworm bookworm/updates main # bookworm',
      'trixie/updates main # bookworm',
    ],
    ['suites of backports', 'deb http://a bookworm-backports-sloppy main', 'trixie-backports-sloppy'],
    ['a vendor’s suite that names the release', 'deb https://packages.example/apt cloud-bookworm main', 'cloud-trixie main'],
    ['a flat archive that names the release', 'deb http://a bookworm/', 'http://a trixie/'],
  ])('change %s', (_, line, expected) => {
    expect(moved(list(`${line}\n`)).text).toContain(expected)
  })

  it.each([
    ['a flat archive', 'deb [trusted=yes] http://vendor.example/apt ./', 'stays: ./ of http://vendor.example/apt'],
    ['a suite that no release has', 'deb https://vendor.example/node nodistro main', 'stays: nodistro of https://vendor.example/node'],
    ['a longer name', 'deb http://a bookworms main', 'stays: bookworms of http://a'],
    ['stable, with a note', 'deb http://a stable main', 'stays: stable of http://a, and stable is whatever its archive calls so'],
    ['a release in the address, with a note', 'deb http://a/bookworm ./', 'stays: ./ of http://a/bookworm, whose address names bookworm'],
  ])('leave %s', (_, line, note) => {
    const { text, notices, reachesNew } = moved(list(`${line}\n`))
    expect(text).toBe(`${line}\n`)
    expect(notices).toEqual([`/etc/apt/sources.list.d/acme.list:1 ${note}`])
    expect(reachesNew).toBe(false)
  })

  it('understand fields in any case, values over several lines with comments between, and what is switched off', () => {
    const text = [
      'types: deb',
      'URIs: http://a',
      'suites:',
      ' bookworm',
      '# bookworm is not this',
      '\tbookworm-updates other',
      'X-Unknown: bookworm',
      'Components: main',
      '',
      'Types: deb',
      'URIs: http://b',
      'Suites: bookworm',
      'Components: main',
      'Enabled: No',
      '',
    ].join('\n')
    const { text: result, notices } = moved(deb822(text))
    expect(result).toBe(text.replace(' bookworm\n#', ' trixie\n#').replace('\tbookworm-updates', '\ttrixie-updates'))
    expect(notices).toHaveLength(2)
    expect(notices[1]).toBe('/etc/apt/sources.list.d/acme.sources:3 stays: other of http://a')
  })

  it('tell no password', () => {
    const { changes, notices } = moveSources([list('deb https://me:canary-4711@vendor.example bookworm main\n')], 'bookworm', 'trixie')
    expect(JSON.stringify([changes, notices])).not.toContain('canary-4711')
    expect(notices[0]).toContain('https://vendor.example')
  })

  it.each([
    ['deb', list('\ndeb http://a\n'), 2],
    ['a word that begins no source', list('rpm http://a bookworm main\n'), 1],
    ['a paragraph without suites', deb822('# first\nTypes: deb\nURIs: http://a\n'), 2],
    ['a line without a field', deb822('Types: deb\nURIs: http://a\nSuites: x\n\nnonsense\n'), 5],
    ['a value without a field', deb822(' bookworm\n'), 1],
  ])('refuse %s, naming the line', (_, file, line) => {
    expect(() => moved(file)).toThrow(InvalidFileError)
    expect(() => moved(file)).toThrow(`${file.path}:${String(line)}: `)
  })

  it('refuse a CD, and leave one of something else', () => {
    expect(() => moved(list('deb cdrom:[Debian GNU/Linux 12.0.0 _Bookworm_ - Official amd64]/ bookworm main\n'))).toThrow(RefusedError)
    expect(moved(list('deb cdrom:[Vendor 1.0]/ vendor main\n')).notices).toEqual(['/etc/apt/sources.list.d/acme.list:1 stays: vendor of cdrom:[Vendor 1.0]/'])
  })
})

describe('a change to sources', () => {
  const file = list('# caf\u00e9\u0080\ndeb http://a bookworm main\ndeb http://a bookworm-updates main\n')
  const [change] = moveSources([file], 'bookworm', 'trixie').changes
  if (change === undefined) throw new Error('nothing changes')

  it('is made once, however often it is asked for', () => {
    const after = { ...file, text: changedText(file, change) }
    expect(changedText(after, change)).toBe(after.text)
  })

  it('is not made of a file that somebody edited', () => {
    expect(() => changedText({ ...file, text: `${file.text}#` }, change)).toThrow(ChangedError)
  })

  it('can be taken back byte for byte, whatever else is in the file', () => {
    const words = fc.constantFrom(
      'deb',
      'http://a',
      'bookworm',
      'bookworm-updates',
      'main',
      '# \u00ff',
      '[a=b]',
      'Suites:',
      'Types: deb',
      'URIs: x',
      '\t',
      '  ',
    )
    const texts = fc.array(fc.array(words, { maxLength: 6 }).map((line) => line.join(' '))).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(texts, fc.boolean(), fc.constantFrom('trixie', 'sid', 'bookworms'), (text, oneLine, to) => {
        const source = oneLine ? list(text) : deb822(text)
        let changes
        try {
          changes = moveSources([source], 'bookworm', to).changes
        } catch (error) {
          if (error instanceof InvalidFileError) return
          throw error
        }
        for (const made of changes) {
          const after = { ...source, text: changedText(source, made) }
          expect(after.text).not.toBe(source.text)
          expect(changedText(after, inverseOfChange(made))).toBe(source.text)
          expect(inverseOfChange(inverseOfChange(made))).toEqual(made)
        }
      }),
    )
  })
})
