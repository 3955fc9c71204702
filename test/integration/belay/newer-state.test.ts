import { readFile, readdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Machine, problemsOf } from './machine.ts'

/**
 * State that a newer belay wrote, as far as that can be foreseen: fields, words and minor formats that this one does not know, in
 * every file. After a rollback to this belay all of it must be read, worked with, and left whole.
 */
const FUTURE = { future: { since: '9.0.0', list: [1, 2] } }

let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
  await machine.must('snapshot', '-m', 'an ordinary one')
})

afterAll(async () => {
  await machine.close()
})

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Give every object in a JSON value a field that nobody knows. */
const fromTheFuture = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(fromTheFuture)
  if (value === null || typeof value !== 'object') return value
  return { ...Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromTheFuture(inner)])), ...FUTURE }
}

/** Paths at which an object has the unknown field, so that lost ones can be named. */
const futurePaths = (value: Json, path = ''): string[] => {
  if (Array.isArray(value))
    return value.flatMap((inner, position) =>
      futurePaths(inner, `${path}[${inner !== null && typeof inner === 'object' && !Array.isArray(inner) ? identityOf(inner, position) : String(position)}]`),
    )
  if (value === null || typeof value !== 'object') return []
  return [
    ...('future' in value ? [path] : []),
    ...Object.entries(value).flatMap(([key, inner]) => (key === 'future' ? [] : futurePaths(inner, `${path}.${key}`))),
  ]
}

const identityOf = (value: Record<string, Json>, position: number): string => JSON.stringify(value['id'] ?? value['name'] ?? value['mountpoint'] ?? position)

const indexPath = (): string => join(machine.root, 'var/lib/belay/index.json')
const readIndex = async (): Promise<Record<string, Json>> => JSON.parse(await readFile(indexPath(), 'utf8')) as Record<string, Json>

describe('state that a newer belay wrote', () => {
  it('is read and loses nothing in any operation', async () => {
    const index = fromTheFuture(await readIndex()) as { [key: string]: Json; generations: Record<string, Json>[]; next: Json; packages: Json }
    index['format'] = { major: 1, minor: 42, ...FUTURE }
    const newest = index.generations.at(-1)
    if (newest === undefined) throw new Error('there is no generation')
    newest['reason'] = { kind: 'scheduled', text: 'by a timer', ...FUTURE }
    newest['health'] = 'observed'
    // Records by number or name, whose keys are data and not fields, hold only what they are records of.
    for (const generation of index.generations) delete (generation['packages'] as { important: Record<string, Json> }).important['future']
    await writeFile(indexPath(), JSON.stringify(index))
    const before = futurePaths(await readIndex())

    const env = join(machine.root, 'boot/grub/belay/env')
    const block = (await readFile(env)).toString('latin1').replace(/#+$/, '')
    await writeFile(env, Buffer.from(`${block}belay_wave=seven\nsomebody=else\n`.padEnd(1024, '#'), 'latin1'))

    expect((await machine.status()).running?.be).toBe('be-000001')
    expect((await machine.list()).generations.map((generation) => generation.kind)).toContain('scheduled')
    await machine.must('snapshot', '-m', 'by this belay')
    await machine.must('keep', '2')
    await machine.must('rollback', '2', '--yes')
    await machine.reboot()
    await machine.must('confirm')
    await machine.must('forward', '--yes')
    await machine.reboot()
    await machine.must('confirm')
    expect(problemsOf(await machine.doctor())).toEqual([])

    const after = futurePaths(await readIndex())
    expect(before.filter((path) => !after.includes(path))).toEqual([])
    expect((await readIndex())['format']).toMatchObject({ major: 1, minor: 42 })
    const kept = (await readFile(env)).toString('latin1')
    expect(kept).toContain('belay_wave=seven')
    expect(kept).toContain('somebody=else')
    expect(await machine.grubBoots()).toBe((await machine.status()).next?.be)
  }, 300_000)

  it('keeps unknown fields of boot sets when they are made anew', async () => {
    const sets = join(machine.root, 'boot/grub/belay/be')
    const record = async (be: string): Promise<string> => join(sets, await readlink(join(sets, be)), 'boot-set.json')
    const running = (await machine.status()).running?.be ?? ''
    expect(await readdir(sets)).toContain(running)
    const path = await record(running)
    await writeFile(path, JSON.stringify({ ...(JSON.parse(await readFile(path, 'utf8')) as object), ...FUTURE, format: { major: 1, minor: 9 } }))
    await machine.appliance.run('/usr/sbin/update-initramfs', ['-u'])
    await machine.must('boot-set', 'refresh')
    expect(JSON.parse(await readFile(await record(running), 'utf8'))).toMatchObject(FUTURE)
  }, 300_000)

  it('refuses a major format with the way out, and status and confirm still work', async () => {
    const index = await readIndex()
    await writeFile(indexPath(), JSON.stringify({ ...index, format: { major: 2, minor: 0 } }))
    const refused = await machine.belay(['snapshot', '-m', 'x', '--json'])
    expect(refused.status).toBe(10)
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'index/too-new' } })
    expect((await machine.belay(['status'])).status).toBe(0)
    expect((await machine.belay(['confirm'])).status).toBe(0)
    await writeFile(indexPath(), JSON.stringify(index))
  }, 60_000)
})
