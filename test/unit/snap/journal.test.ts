import { describe, expect, it } from 'vitest'
import { NotFoundError, NotUndoneError, RefusedError } from '../../../src/errors.ts'
import { JournalDirectory, parseJournal } from '../../../src/snap/journal.ts'
import { planKeep } from '../../../src/snap/plan/keep.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { context, state } from './plan/planning-state.ts'

const keep = planKeep(state(), { id: 1, hold: { owner: 'root', until: null } }, context())
const plan = { ...keep, steps: keep.steps.filter(({ kind }) => kind !== 'generation.hold') }
const owner = { pid: 7, startTime: '99' }
const packagesStep = (package_: string) => ({
  kind: 'packages.apply',
  conffiles: 'keep',
  run: { label: 'all', packages: [{ name: package_, arch: 'amd64', from: null, to: '1', action: 'install' }] },
})
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
    expect(() => parseJournal(text, 'journal')).toThrow(expect.objectContaining({ code: 'journal/unreadable', exitCode: 10 }))
  })

  it.each<readonly [string, object]>([
    ['a name that leads out', { kind: 'boot-set.remove', be: '../../x' }],
    ['a container that leads out', { kind: 'be.destroy', name: 'be-000001/../../..' }],
    ['a name of another kind', { kind: 'data.destroy', name: 'be-000001' }],
    ['a mount point that leads out', { kind: 'config.carve', be: 'be-000001', mountpoint: '/etc/../../host' }],
    ['a relative mount point', { kind: 'config.carve', be: 'be-000001', mountpoint: 'etc' }],
    [
      'data at a mount point that leads out',
      { kind: 'data.bind', be: 'be-000001', uses: [{ mountpoint: '/../x', data: 'data-000001', volume: { step: 'a' } }] },
    ],
    ['a record that is none', { kind: 'index.change', changes: [{ planned: 'change', change: { change: 'remove-be', name: '..' } }] }],
    ['a package that is an option', packagesStep('-oDpkg::Pre-Invoke::=x')],
    ['a step of a newer belay', { kind: 'pool.scrub' }],
    ['a step that its prototype has', { kind: 'constructor' }],
    ['a step without its fields', { kind: 'be.clone' }],
  ])('with %s in its plan is refused, and says what to do', (_, step) => {
    const opened = { ...plan, steps: [...plan.steps, { id: 'crafted', why: '', ...step }] }
    const text = `${JSON.stringify({ opened, owner })}\n${JSON.stringify({ begun: 0 })}\n`
    expect(() => parseJournal(text, 'journal')).toThrow(RefusedError)
    expect(() => parseJournal(text, 'journal')).toThrow(
      expect.objectContaining({ code: 'journal/unreadable', next: expect.arrayContaining([expect.stringContaining('belay confirm')]) as unknown }),
    )
  })

  it.each<readonly [string, object, object]>([
    ['of a newer format', { format: 2 }, { begun: 0 }],
    ['without steps', { steps: undefined }, { begun: 0 }],
    ['whose commit point is no step of it', { commit: 'nothing' }, { begun: 0 }],
    ['that is shorter than what was begun', {}, { begun: 4_000_000_000 }],
  ])('with a plan %s is refused', (_, change, line) => {
    const text = `${JSON.stringify({ opened: { ...plan, ...change }, owner })}\n${JSON.stringify(line)}\n`
    expect(() => parseJournal(text, 'journal')).toThrow(expect.objectContaining({ code: 'journal/unreadable' }))
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

  it.each([
    ['empty', ''],
    ['torn', '{"opened":'],
  ])('leaves an %s journal alone while somebody looks, and closes it when the next run begins', async (_, text) => {
    const { files, journals } = await directory()
    await files.makeDirectory('/state/journal/closed')
    await files.writeAtomic('/state/journal/20261121T030000Z-0000000a.jsonl', text)
    expect(await journals.unfinished()).toEqual([])
    expect(await files.list('/state/journal')).toEqual(['20261121T030000Z-0000000a.jsonl', 'closed'])
    await journals.open({ ...plan, id: '20261121T030001Z-0000000b' }, owner)
    expect(await files.list('/state/journal')).toEqual(['20261121T030001Z-0000000b.jsonl', 'closed'])
    expect(await files.list('/state/journal/closed')).toEqual(['20261121T030000Z-0000000a.jsonl'])
  })

  it('changes nothing while somebody looks', async () => {
    const changes: string[] = []
    const files = new MemoryFiles({
      before: (operation) => {
        if (!['readText', 'list', 'stat'].includes(operation)) changes.push(operation)
      },
    })
    await files.makeDirectory('/state')
    const journals = new JournalDirectory(files, '/state')
    await journals.open(plan, owner)
    await files.append(`/state/journal/${plan.id}.jsonl`, '{"beg')
    await files.writeAtomic('/state/journal/20261121T030000Z-0000000a.jsonl', '')
    changes.length = 0
    expect(await journals.unfinished()).toHaveLength(1)
    expect(await journals.mayHaveHalfChangedPackages('be-000001')).toBe(false)
    expect(changes).toEqual([])
  })

  it('skips a run that ends while somebody looks, and what is no file', async () => {
    let ended = false
    const files: MemoryFiles = new MemoryFiles({
      before: (operation) => {
        if (operation === 'readText' && ended) throw new NotFoundError('it is gone')
      },
    })
    await files.makeDirectory('/state')
    const journals = new JournalDirectory(files, '/state')
    await journals.open(plan, owner)
    await files.symlink('/etc/passwd', '/state/journal/20261121T030000Z-0000000a.jsonl')
    expect(await journals.unfinished()).toHaveLength(1)
    ended = true
    expect(await journals.unfinished()).toEqual([])
  })

  it('never makes a journal without a plan', async () => {
    const { files, journals } = await directory()
    const journal = await journals.open(plan, owner)
    await files.remove(`/state/journal/${plan.id}.jsonl`)
    await expect(journal.write({ begun: 0 })).rejects.toThrow(NotUndoneError)
    expect(await files.list('/state/journal')).toEqual(['closed'])
  })

  describe('knows whether packages of a version may be half changed', () => {
    const upgrade = { ...plan, basis: { ...plan.basis, running: 'be-000001' }, steps: [{ id: 'apt', why: '', ...packagesStep('gateway') }] }
    const opening = `${JSON.stringify({ opened: upgrade, owner })}\n`
    const answer = async (text: string, running = 'be-000001'): Promise<boolean> => {
      const { files, journals } = await directory()
      await files.makeDirectory('/state/journal')
      await files.writeAtomic('/state/journal/20261121T030000Z-0000000a.jsonl', text)
      return journals.mayHaveHalfChangedPackages(running)
    }
    const begun = `${opening}{"begun":0}\n`

    it.each<readonly [string, boolean, string]>([
      ['before they were begun', false, opening],
      ['when they were begun', true, begun],
      ['when they were taken back', false, `${begun}{"undone":0}\n`],
      ['when the run ended and was not closed', false, `${begun}{"ended":"done","error":null}\n`],
      ['when it ended by leaving the version', true, `${begun}{"ended":"escaped","error":"x"}\n`],
      ['when a newer belay wrote on', true, `${begun}{"paused":1}\n`],
      ['when the plan cannot be read', true, '{"opened":{"steps":[{"kind":"packages.apply"}]}}\n{"begun":0}\n'],
      ['when nothing was written', false, ''],
    ])('%s: %s', async (_, expected, text) => {
      expect(await answer(text)).toBe(expected)
    })

    it('in another version than the one that was upgraded: no', async () => {
      expect(await answer(begun, 'be-000002')).toBe(false)
    })
  })

  it('of a run that ended stays among the newest hundred, whatever else lies there', async () => {
    const { files, journals } = await directory()
    await files.makeDirectory('/state/journal/closed')
    await files.writeAtomic('/state/journal/closed/notes', 'somebody’s')
    const runs = Array.from({ length: 120 }, (_, number) => `20260101T${String(number).padStart(6, '0')}Z-00aa`)
    for (const id of runs) await (await journals.open({ ...plan, id }, owner)).close()
    expect(await files.list('/state/journal/closed')).toEqual([...runs.slice(-100).map((id) => `${id}.jsonl`), 'notes'])
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
