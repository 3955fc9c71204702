import { describe, expect, it } from 'vitest'
import { decideConffiles } from '../../../src/pkg/conffile-decisions.ts'
import { decideDebconf, parseDebconfDatabase, parseTemplates } from '../../../src/pkg/debconf-decisions.ts'
import { readFixture } from './read-fixture.ts'

describe('a configuration file', () => {
  const [old, fresh, mine] = ['a', 'b', 'c']
  const decide = (shipped: string, recorded: string | null, present: string | null) =>
    decideConffiles([{ path: '/etc/x', by: 'acme 2', shipped, recorded, present }], 'keep').map(({ why }) => why.split(';')[0])

  it('is asked about only when it was changed on both sides', () => {
    expect(decide(fresh, old, mine)).toEqual(['changed here and by acme 2'])
    expect(decide(fresh, old, old)).toEqual([])
    expect(decide(old, old, mine)).toEqual([])
    expect(decide(fresh, old, fresh)).toEqual([])
  })

  it('that was removed here counts as changed here', () => {
    expect(decide(fresh, old, null)).toEqual(['removed here, and changed by acme 2'])
    expect(decide(old, old, null)).toEqual([])
  })

  it('that no package had before is asked about when it is there with other content', () => {
    expect(decide(fresh, null, mine)).toEqual(['made here, and also shipped by acme 2'])
    expect(decide(fresh, null, fresh)).toEqual([])
    expect(decide(fresh, null, null)).toEqual([])
  })
})

describe('debconf', () => {
  it("reads a package's templates, without translations", () => {
    const templates = parseTemplates(readFixture('debconf-templates.txt'))
    expect(templates.slice(0, 2)).toEqual([
      { question: 'debconf/frontend', type: 'select', default: 'Dialog', description: 'Interface to use:' },
      { question: 'debconf/priority', type: 'select', default: 'high', description: 'Ignore questions with a priority less than:' },
    ])
  })

  it('reads what it remembers, with inner blanks, and whether somebody answered', () => {
    const database = parseDebconfDatabase(readFixture('debconf-config.txt'))
    expect(database.get('acme-gateway/mode')).toEqual({ value: 'bridge', seen: false })
    expect(database.get('acme-gateway/fresh')).toEqual({ value: 'x y  z', seen: true })
    expect(database.get('libpam-runtime/conflicts')).toEqual({ value: null, seen: false })
    expect(database.get('acme-gateway/other')).toBeUndefined()
  })

  const template = (question: string, type = 'string') => ({ question, type, default: 'd', description: 'D' })

  it('decides about new questions alone, and not about those that debconf knows or about notes', () => {
    const database = new Map([
      ['a/valued', { value: 'v', seen: false }],
      ['a/seen', { value: null, seen: true }],
      ['a/empty', { value: null, seen: false }],
    ])
    const templates = [...['a/valued', 'a/seen', 'a/empty', 'a/new'].map((name) => template(name)), template('a/note', 'note'), template('a/error', 'error')]
    expect(decideDebconf([{ package: 'a', templates }], database, []).decisions.map(({ subject, answer }) => [subject, answer])).toEqual([['a/new', 'd']])
  })

  it('gives the answers of policy for these packages alone, and tells only those that change something', () => {
    const policy = [
      { package: 'a', question: 'a/same', type: 'string', value: 'v' },
      { package: 'a', question: 'a/other', type: 'boolean', value: 'true' },
      { package: 'b', question: 'b/x', type: 'string', value: 'y' },
    ]
    const database = new Map([
      ['a/same', { value: 'v', seen: true }],
      ['a/other', { value: 'false', seen: true }],
    ])
    const { decisions, answers } = decideDebconf([{ package: 'a', templates: [template('a/same'), template('a/other', 'boolean')] }], database, policy)
    expect(answers).toEqual(policy.slice(0, 2))
    expect(decisions).toEqual([{ subject: 'a/other', answer: 'true', why: 'policy says so in packages.debconf' }])
  })
})
