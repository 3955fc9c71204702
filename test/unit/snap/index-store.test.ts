import { describe, expect, it } from 'vitest'
import { InvalidFileError, NotFoundError, RefusedError } from '../../../src/errors.ts'
import { IndexStore, parseIndex } from '../../../src/snap/index-store.ts'
import { GenerationId } from '../../../src/snap/names.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { be, data, generation, session, state } from './plan/planning-state.ts'

const FILE = '/state/index.json'

const store = async (text?: string): Promise<{ readonly files: MemoryFiles; readonly index: IndexStore }> => {
  const files = new MemoryFiles()
  await files.makeDirectory('/state')
  if (text !== undefined) await files.writeAtomic(FILE, text)
  return { files, index: new IndexStore(files, '/state') }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The same with a field of the future in every object. */
const fromTheFuture = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(fromTheFuture)
  if (value === null || typeof value !== 'object') return value
  return { ...Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromTheFuture(inner)])), fromTheFuture: { kept: true } }
}

/** Every path at which a field of the future is. */
const futurePaths = (value: Json, at = ''): string[] => {
  if (Array.isArray(value)) return value.flatMap((inner, position) => futurePaths(inner, `${at}/${String(position)}`))
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => (key === 'fromTheFuture' ? [at] : futurePaths(inner, `${at}/${key}`)))
}

const whole = state({
  generations: [generation(1, { withData: true })],
  bes: [be(1)],
  data: [data(1)],
  session: session('trial'),
  left: [1],
}).index

describe('the index', () => {
  it('keeps what a newer belay wrote into it, at every level, through a change', async () => {
    const future = fromTheFuture(JSON.parse(JSON.stringify(whole)) as Json)
    // Names of packages are free keys, so a field there is a package.
    const text = JSON.stringify(future).replaceAll(/"important":\{"fromTheFuture":\{"kept":true\}\}/g, '"important":{}')
    const { files, index } = await store(text)
    const before = futurePaths(JSON.parse(text) as Json)
    expect(before).toEqual(
      expect.arrayContaining([
        '',
        '/format',
        '/next',
        '/session',
        '/session/owner',
        '/generations/0/members/0/volume',
        '/generations/0/bootSet/vmlinuz',
        '/generations/0/reason',
        '/generations/0/by',
        '/bootEnvironments/0/data/0',
        '/data/0/volume',
      ]),
    )
    await index.change([{ change: 'keep-generation', id: GenerationId.parse(1), keep: { from: false, to: true } }])
    const after = JSON.parse(await files.readText(FILE)) as Json
    expect(futurePaths(after).toSorted()).toEqual(before.toSorted())
  })

  it('accepts words that it does not know', () => {
    const index = structuredClone(whole) as unknown as {
      driver: string
      generations: { health: string; reason: { kind: string }; members: { role: string }[] }[]
      session: { phase: string }
    }
    index.driver = 'bcachefs'
    index.session.phase = 'paused'
    for (const record of index.generations) {
      record.health = 'suspicious'
      record.reason.kind = 'imported'
      for (const member of record.members) member.role = 'cache'
    }
    expect(parseIndex(JSON.stringify(index), FILE)).toEqual(index)
  })

  it('keeps a newer minor format, and is refused with the way out when the major one is too new', async () => {
    const { index } = await store(JSON.stringify({ ...whole, format: { major: 1, minor: 7 } }))
    await index.change([{ change: 'left', left: { from: [], to: [] } }])
    expect((await index.read()).format).toEqual({ major: 1, minor: 7 })
    const newer = await store(JSON.stringify({ ...whole, format: { major: 2, minor: 0 } }))
    await expect(newer.index.read()).rejects.toMatchObject({ code: 'index/too-new', exitCode: 10 })
    await expect(newer.index.read()).rejects.toBeInstanceOf(RefusedError)
  })

  it('is refused as too new also when the newer format changed a record', async () => {
    const { index } = await store(JSON.stringify({ ...whole, format: { major: 2, minor: 0 }, generations: { byId: {} } }))
    await expect(index.read()).rejects.toMatchObject({ code: 'index/too-new' })
  })

  it.each([
    ['not JSON', '{"format":'],
    ['no object', '[]'],
    ['a broken record', JSON.stringify({ ...whole, generations: [{ id: 'one' }] })],
    ['a path that leads out', JSON.stringify({ ...whole, data: [{ ...whole.data[0], mountpoint: 'srv' }] })],
    ['a name of another form', JSON.stringify({ ...whole, bootEnvironments: [{ ...whole.bootEnvironments[0], name: '../be-000001' }] })],
  ])('that is %s is refused with the place of the fault', async (_, text) => {
    const { index } = await store(text)
    await expect(index.read()).rejects.toBeInstanceOf(InvalidFileError)
    await expect(index.read()).rejects.toMatchObject({ data: { file: FILE } })
  })

  it('that does not exist is an appliance that was not initialised', async () => {
    const { index } = await store()
    expect(await index.readIfAny()).toBeNull()
    await expect(index.read()).rejects.toBeInstanceOf(NotFoundError)
  })

  it('has a higher revision after each change, and is not written when nothing changes', async () => {
    const { files, index } = await store(JSON.stringify(whole))
    const changed = await index.change([{ change: 'factory', factory: { from: null, to: null } }])
    expect(changed.revision).toBe(whole.revision + 1)
    const before = await files.stat(FILE)
    expect((await index.change([{ change: 'factory', factory: { from: null, to: null } }])).revision).toBe(changed.revision)
    expect(await files.stat(FILE)).toEqual(before)
  })
})
