import { createHash } from 'node:crypto'
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Machine } from './machine.ts'
import { belongings, expectWhole } from './whole-appliance.ts'

/** One life of an appliance, seen by a script: every command with --plan first and then in earnest. Machine.json holds each output against its schema. */
let machine: Machine

beforeAll(async () => {
  machine = await Machine.make({ plain: true })
})

afterAll(async () => {
  await machine.close()
})

const hashTree = async (directory: string): Promise<Record<string, string>> => {
  const hashes: Record<string, string> = {}
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isSymbolicLink()) hashes[path] = await readlink(path)
    else if (entry.isFile())
      hashes[path] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
  }
  return hashes
}

/** All that belay could change: its objects, the GRUB partition, its state, and what it writes into roots. */
const everything = async () => ({
  ...(await belongings(machine)),
  grub: await hashTree(join(machine.root, 'boot/grub')),
  state: await machine.atTopLevel(async (top) => Object.values(await hashTree(join(top, '@belay/state')))),
  etc: await hashTree(join(machine.root, 'etc')),
  lists: await hashTree(join(machine.root, 'var/lib/apt')),
  archives: await hashTree(join(machine.root, 'var/cache/apt/archives')),
})

/** The plan of a command changes nothing, and what it is carried out as has the same steps. */
const planAndDo = async (...args: string[]): Promise<void> => {
  const before = await everything()
  const planned = await machine.operation(...args, '--plan')
  const inText = await machine.must(...args, '--plan')
  expect(await everything(), `${args.join(' ')} --plan changes nothing`).toEqual(before)
  expect(planned).toMatchObject({ executed: false, rebootRequired: false, generation: null, recovered: [] })
  expect(inText.stdout).toContain(planned.plan.summary)
  for (const step of planned.plan.steps) expect(inText.stdout).toContain(step.why)

  const done = await machine.operation(...args, '--yes')
  expect(done.executed, args.join(' ')).toBe(true)
  expect(
    done.plan.steps.map(({ id, kind }) => `${id} ${kind}`),
    args.join(' '),
  ).toEqual(planned.plan.steps.map(({ id, kind }) => `${id} ${kind}`))
}

const look = async (): Promise<void> => {
  const commands = [
    ['status'],
    ['list'],
    ['doctor'],
    ['audit'],
    ['audit', '--last', '1'],
    ...(await machine.list()).generations.map(({ id }) => ['show', String(id)]),
  ]
  for (const args of commands) expect([0, 10], args.join(' ')).toContain((await machine.json(args)).status)
}

describe('a plan and its --json output', () => {
  it('of init', async () => {
    await planAndDo('init', '--config', '/etc/acme', '--data-format', '/usr/share/acme/data-format', '--important', 'acme-*')
    await look()
    await machine.reboot()
    await look()
  })

  it('of snapshot, keep, delete and prune', async () => {
    await planAndDo('snapshot', '-m', 'one – with a title beyond ASCII and "quotes"')
    await planAndDo('snapshot', '--with-data', '--keep', '-m', 'two')
    await planAndDo('snapshot', '-m', 'three')
    await look()
    await planAndDo('keep', '3', '--for', 'Ada, support', '--until', '30d')
    await look()
    await planAndDo('keep', '3', '--off')
    await planAndDo('delete', '3')
    await planAndDo('prune', '--newest', '1')
    await look()
    await expectWhole(machine)
  })

  it('of upgrade and confirm', async () => {
    machine.repository.publish(['1.0.0', '2.0.0', '3.0.0'], { kernel: false, grub: false })
    await writeFile(join(machine.root, 'etc/acme/gateway.conf'), '# changed by the operator\ninterval=5\n')
    const second = await machine.operation('upgrade', 'acme-gateway=2.0.0', '--yes')
    expect(second.decisions).toContainEqual(expect.objectContaining({ subject: '/etc/acme/gateway.conf', answer: 'keep' }))
    const shown = (await machine.json(['show', String(second.generation)])).output
    expect(shown).toMatchObject({ decisions: second.decisions })
    await look()
    await machine.reboot()
    await planAndDo('confirm')
    // Its data format rises: the data joins the restore point as soon as the package is here to say so.
    const planned = await machine.operation('upgrade', 'acme-gateway=3.0.0', '--plan')
    expect(planned.plan.steps.map(({ kind }) => kind)).toContain('packages.apply')
    const done = await machine.operation('upgrade', 'acme-gateway=3.0.0', '--yes')
    expect(done.plan.steps.map(({ kind }) => kind)).toContain('data.clone')
    await machine.rebootAndConfirm()
    await look()
    await expectWhole(machine)
  })

  it('of rollback and forward', async () => {
    const target = (await machine.list()).generations.find(({ kind }) => kind === 'before-upgrade')?.id
    const refused = await machine.refusal(['rollback', String(target), '--yes'])
    expect(refused).toMatchObject({ code: 'data-format', exitCode: 10, data: { hours: expect.any(Number) as unknown } })
    await planAndDo('rollback', String(target), '--force')
    await look()
    await machine.rebootAndConfirm()
    await planAndDo('forward')
    await machine.rebootAndConfirm()
    await planAndDo('rollback', String(target), '--force', '--keep-config', '--once')
    await machine.reboot()
    await look()
    await machine.reboot()
    await expectWhole(machine)
  })

  it('of doctor --fix and boot-set refresh', async () => {
    expect((await machine.json(['doctor', '--fix'])).status).toBe(0)
    expect((await machine.json(['boot-set', 'refresh'])).output).toMatchObject({ be: (await machine.status()).running?.be, changed: false })
    await expectWhole(machine)
  })
})
