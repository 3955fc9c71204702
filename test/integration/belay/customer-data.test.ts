import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Machine } from './machine.ts'
import { expectWhole } from './whole-appliance.ts'

/** What is told of the customer's data before they go back, and that they are kept. */
let machine: Machine

const CACHE = '/var/lib/acme-cache'
const file = (): string => join(machine.root, 'srv/customer.txt')

beforeAll(async () => {
  machine = await Machine.make({ init: ['--in-root', CACHE] })
  await mkdir(join(machine.root, CACHE), { recursive: true })
  await writeFile(file(), 'of then\n')
  await machine.must('snapshot', '--with-data', '-m', 'with its data')
  await writeFile(file(), 'of now\n')
})

afterAll(async () => {
  await machine.close()
})

describe('rollback --with-data', () => {
  it('spells out for each data volume and each path in root what it leaves behind, in the plan and in JSON', async () => {
    const target = String((await machine.list()).generations.at(-1)?.id)
    const { plan } = await machine.plan('rollback', target, '--with-data')
    const { plan: without } = await machine.plan('rollback', target)
    const srv = plan.leavesBehind?.find(({ path }) => path === '/srv')
    expect(srv).toMatchObject({ role: 'data', be: 'be-000001', volume: expect.stringMatching(/^@belay\/data\/data-\d{6}\/volume$/) as string })
    expect(srv?.hours).toBeLessThan(1)
    const inRoot = { path: CACHE, role: 'root', volume: '@belay/be/be-000001/root', wayBack: 'belay forward 3' }
    expect(plan.leavesBehind).toContainEqual(expect.objectContaining(inRoot))
    expect(without.leavesBehind).toEqual([expect.objectContaining(inRoot)])
    const { stdout } = await machine.must('rollback', target, '--with-data', '--plan')
    expect(stdout).toMatch(
      /note +\/srv goes back .*, to .* UTC; what was written there since is kept in @belay\/data\/\S+ \(be-000001\): belay forward 3 brings it back/,
    )
    expect(stdout).toContain(`${CACHE} (in root by policy) lies in root and goes back with it`)
  })

  it('brings back the data of then, and what it named brings back the data of now', async () => {
    const { plan } = await machine.operation('rollback', '2', '--with-data', '--yes')
    await machine.rebootAndConfirm()
    expect(await readFile(file(), 'utf8')).toBe('of then\n')
    const [, ...wayBack] = (plan.leavesBehind?.[0]?.wayBack ?? '').split(' ')
    const forward = await machine.operation(...wayBack, '--yes')
    expect(forward.plan.leavesBehind?.map(({ path, be }) => `${path} ${be}`)).toContain('/srv be-000004')
    await machine.rebootAndConfirm()
    expect(await readFile(file(), 'utf8')).toBe('of now\n')
    await expectWhole(machine)
  })
})

describe('forward --with-data', () => {
  it('takes the data that the generation holds', async () => {
    await machine.must('forward', '2', '--with-data', '--yes')
    await machine.rebootAndConfirm()
    expect(await readFile(file(), 'utf8')).toBe('of then\n')
  })
})

describe('--quiesce', () => {
  it.each(['snapshot', 'upgrade'])('is refused by %s where the appliance is only mounted', async (command) => {
    const before = (await machine.list()).generations.length
    const error = await machine.refusal([command, '--quiesce', '--yes'])
    expect(error).toMatchObject({ code: 'quiesce/not-running', exitCode: 10 })
    expect((await machine.list()).generations).toHaveLength(before)
  })
})
