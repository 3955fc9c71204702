import { describe, expect, it } from 'vitest'
import { BugError } from '../../../src/errors.ts'
import { JournalDirectory, parseJournal } from '../../../src/snap/journal.ts'
import { planKeep } from '../../../src/snap/plan/keep.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { context, state } from './plan/planning-state.ts'

const plan = planKeep(state(), { id: 1, keep: true }, context())
const owner = { pid: 7, startTime: '99' }
const lines = (...entries: object[]): string => [{ opened: plan, owner }, ...entries].map((entry) => `${JSON.stringify(entry)}\n`).join('')

describe('a journal', () => {
  it('tells how far a run came', () => {
    const record = parseJournal(lines({ begun: 0 }, { applied: 0, result: { made: 1 } }, { begun: 1 }), 'journal')
    expect(record).toMatchObject({ plan, owner, escaping: false, ended: null })
    expect([...(record?.begun ?? [])]).toEqual([0, 1])
    expect(record?.results.get('record')).toEqual({ made: 1 })
  })

  it('takes back what was undone', () => {
    const record = parseJournal(lines({ begun: 0 }, { applied: 0, result: 1 }, { begun: 1 }, { undone: 1 }, { undone: 0 }), 'journal')
    expect([...(record?.begun ?? [])]).toEqual([])
    expect(record?.results.size).toBe(0)
  })

  it('knows an escape and an end', () => {
    expect(parseJournal(lines({ begun: 0 }, { escaping: true }), 'journal')).toMatchObject({ escaping: true, ended: null })
    expect(parseJournal(lines({ begun: 0 }, { ended: 'undone', error: 'x' }), 'journal')).toMatchObject({ ended: 'undone' })
  })

  it('leaves out a last line that was torn at any byte', () => {
    const whole = lines({ begun: 0 })
    const torn = `${JSON.stringify({ applied: 0, result: 'größe' })}\n`
    for (let length = 0; length < torn.length - 1; length += 1) {
      const record = parseJournal(whole + torn.slice(0, length), 'journal')
      expect([...(record?.begun ?? [])], `cut after ${String(length)}`).toEqual([0])
      expect(record?.results.size).toBe(0)
    }
    expect(parseJournal(whole + torn.slice(0, -1), 'journal')?.results.get('record')).toBe('größe')
  })

  it('whose first line was torn records no run', () => {
    expect(parseJournal('', 'journal')).toBeNull()
    expect(parseJournal('{"opened":{"id"', 'journal')).toBeNull()
  })

  it.each([
    ['torn text before its end', `${lines({ begun: 0 })}{"beg\n${JSON.stringify({ begun: 1 })}\n`],
    ['a word that it does not know', lines({ begun: 0 }, { began: 1 })],
    ['no plan', `${JSON.stringify({ begun: 0 })}\n`],
  ])('with %s is refused', (_, text) => {
    expect(() => parseJournal(text, 'journal')).toThrow(BugError)
  })

  it('accepts fields of a newer belay', () => {
    expect(parseJournal(lines({ begun: 0, at: 'now' }), 'journal')?.begun.size).toBe(1)
  })
})

describe('the directory of journals', () => {
  const directory = async () => {
    const files = new MemoryFiles()
    await files.makeDirectory('/state')
    return { files, journals: new JournalDirectory(files, '/state') }
  }

  it('has no unfinished runs before the first', async () => {
    expect(await (await directory()).journals.unfinished()).toEqual([])
  })

  it('finds runs that did not end, and not those that were closed', async () => {
    const { journals } = await directory()
    const closed = await journals.open({ ...plan, id: '20261121T030000Z-0000000a' }, owner)
    await closed.close()
    const open = await journals.open({ ...plan, id: '20261121T030001Z-0000000b' }, owner)
    await open.write({ begun: 0 })
    const found = await journals.unfinished()
    expect(found.map(({ record }) => record.plan.id)).toEqual(['20261121T030001Z-0000000b'])
    expect([...(found[0]?.record.begun ?? [])]).toEqual([0])
  })

  it('closes a run that was cut before its plan was on disk', async () => {
    const { files, journals } = await directory()
    await files.makeDirectory('/state/journal/closed')
    await files.writeAtomic('/state/journal/20261121T030000Z-0000000a.jsonl', '{"opened":')
    expect(await journals.unfinished()).toEqual([])
    expect(await files.list('/state/journal')).toEqual(['closed'])
  })

  it('leaves other files alone', async () => {
    const { files, journals } = await directory()
    await files.makeDirectory('/state/journal')
    await files.writeAtomic('/state/journal/.20261121T030000Z-0000000a.jsonl.tmp', '{')
    await files.writeAtomic('/state/journal/notes', 'x')
    expect(await journals.unfinished()).toEqual([])
  })

  it('may lose what was deferred, and never what was written after it', async () => {
    const { journals } = await directory()
    const journal = await journals.open(plan, owner)
    journal.defer({ applied: 0, result: 1 })
    expect((await journals.unfinished())[0]?.record.results.size).toBe(0)
    await journal.write({ begun: 1 })
    const record = (await journals.unfinished())[0]?.record
    expect(record?.results.get('record')).toBe(1)
    expect(record?.begun.has(1)).toBe(true)
  })

  it('goes on behind a torn line', async () => {
    const { files, journals } = await directory()
    await journals.open(plan, owner)
    await files.append(`/state/journal/${plan.id}.jsonl`, '{"beg')
    const [found] = await journals.unfinished()
    await found?.journal.write({ begun: 0 })
    expect([...((await journals.unfinished())[0]?.record.begun ?? [])]).toEqual([0])
  })
})
