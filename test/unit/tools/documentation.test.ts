import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bashCompletion } from '../../../tools/documentation/bash-completion.ts'
import { parseCommands } from '../../../tools/documentation/command-manifest.ts'
import { commandPages } from '../../../tools/documentation/command-pages.ts'
import { configPage, undocumentedKeys } from '../../../tools/documentation/config-page.ts'
import { plain, renderPage } from '../../../tools/documentation/roff.ts'
import { bundledDirectories, thirdParty } from '../../../tools/documentation/third-party.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')
const GUIDE = readFileSync(join(CHECKOUT, 'docs/operators-guide.md'), 'utf8')
const SCHEMA = readFileSync(join(CHECKOUT, 'schemas/config.json'), 'utf8')

const command = (id: string, more: object = {}) => ({ id, summary: `Do ${id}.`, args: {}, flags: {}, strict: true, ...more })
const manifest = (...commands: { readonly id: string }[]): string =>
  JSON.stringify({ commands: Object.fromEntries(commands.map((entry) => [entry.id, entry])) })

const ROLLBACK = command('rollback', {
  summary: 'Choose an earlier version.',
  args: { id: { name: 'id', description: 'number of a generation' } },
  flags: {
    root: { name: 'root', type: 'option', summary: 'Work elsewhere.', helpValue: 'DIR', default: '/' },
    once: { name: 'once', type: 'boolean', summary: 'For one boot.' },
    secret: { name: 'secret', type: 'boolean', hidden: true },
  },
  examples: ['<%= config.bin %> rollback 4'],
  exitCodes: [0, 13],
})

describe('manual pages', () => {
  const pages = commandPages(parseCommands(manifest(ROLLBACK, command('boot-set:refresh'), command('booted', { hidden: true }))))
  const page = (name: string): string => {
    const found = pages.find((candidate) => candidate.name === name)
    return found === undefined ? '' : renderPage(found, { version: '1.2.3', date: '2026-11-21' })
  }

  it('are one for belay and one for each command that is not hidden', () => {
    expect(pages.map(({ name }) => name)).toEqual(['belay', 'belay-boot-set-refresh', 'belay-rollback'])
  })

  it('tell arguments, options, examples and the exit codes of the command', () => {
    const text = page('belay-rollback')
    for (const part of [
      'belay\\-rollback \\- choose an earlier version\n',
      '[\\fIID\\fR]',
      '\\fB\\-\\-root\\fR \\fIDIR\\fR',
      'Default: /',
      'belay rollback 4',
      '\\fB13\\fR',
    ])
      expect(text).toContain(part)
    expect(text).not.toContain('\\fB14\\fR')
    expect(text).not.toContain('secret')
  })

  it('let no text be taken for a request of roff', () => {
    expect(plain('.so /etc/passwd\n\\fBx')).toBe('\\&.so /etc/passwd\n\\efBx')
  })
})

describe('the page of config.yaml', () => {
  it('names every key of the schema, because the guide does', () => {
    expect(undocumentedKeys(GUIDE, SCHEMA)).toEqual([])
    expect(renderPage(configPage(GUIDE, SCHEMA), { version: '1', date: '2026-11-21' })).toContain('\\fBboot.menuEntries\\fR\nentries in front of the menu')
  })

  it('tells defaults that the guide only points at', () => {
    const text = renderPage(configPage(GUIDE, SCHEMA), { version: '1', date: '2026-11-21' })
    expect(text).toContain('Default: [/etc/machine\\-id, ')
    expect(text).not.toContain('](')
  })

  it('misses a key that only one of them has', () => {
    expect(undocumentedKeys(GUIDE.replace('| `trial.attempts`', '| `trial.tries`'), SCHEMA)).toEqual(['trial.attempts', 'trial.tries'])
  })
})

describe('bash completion', () => {
  it('has a case for each command with its own options', () => {
    const text = bashCompletion(parseCommands(manifest(ROLLBACK)))
    expect(text).toContain("options='--once --root --help'")
    expect(text).toContain("arguments='generations'")
  })
})

describe('the list of licences', () => {
  const metafile = JSON.stringify({ inputs: { 'src/main.ts': {}, 'node_modules/@a/b/lib/x.js': {}, 'node_modules/c/node_modules/d/index.js': {} } })
  const file = (path: string): string =>
    path.endsWith('package.json') ? JSON.stringify({ name: path.split('/').at(-2), version: '1.0.0', license: 'MIT' }) : `text of ${path}`

  it('holds each package that is in the bundle, nested ones by their own directory', () => {
    expect(bundledDirectories(metafile)).toEqual(['node_modules/@a/b', 'node_modules/c/node_modules/d'])
    const text = thirdParty(metafile, { list: () => ['LICENSE', 'index.js'], read: file }, { version: 'v24.0.0', licence: 'licence of Node' })
    for (const part of ['text of node_modules/@a/b/LICENSE', 'd 1.0.0 (MIT)', 'Node.js v24.0.0', 'licence of Node']) expect(text).toContain(part)
  })

  it('is refused when a package of the bundle comes without its licence', () => {
    expect(() => thirdParty(metafile, { list: () => ['index.js'], read: file }, { version: 'v24.0.0', licence: '' })).toThrow('no text of its licence')
  })
})
