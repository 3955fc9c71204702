import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { Machine } from './machine.ts'
import { codesOf, expectWhole } from './whole-appliance.ts'

let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
})

afterAll(async () => {
  await machine.close()
})

const setDefault = (path: string): Promise<void> =>
  machine.atTopLevel(async (top) => {
    await (path === ''
      ? runTool('/usr/bin/btrfs', ['subvolume', 'set-default', '5', top])
      : runTool('/usr/bin/btrfs', ['subvolume', 'set-default', join(top, path)]))
  })

const numbers = async (): Promise<number[]> => (await machine.list()).generations.map(({ id }) => id)

describe('retention on a real btrfs', () => {
  it('says why each generation stays or goes, measures what came free, and goes on where one does not', async () => {
    for (const text of ['one', 'two', 'three']) await machine.must('snapshot', '-m', text)
    // A large file that only generations hold by then: what comes free is it.
    const file = join(machine.root, 'var/lib/large')
    await runTool('/usr/bin/dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', 'count=24'])
    await machine.must('snapshot', '-m', 'with the file')
    await runTool('/usr/bin/rm', [file])
    await machine.must('snapshot', '-m', 'without it')
    await setDefault('@belay/gen/gen-000003/root')
    expect(await numbers()).toEqual([1, 2, 3, 4, 5, 6])

    const planned = await machine.plan('prune', '--newest', '1')
    expect(planned.plan.retention?.map(({ generation, goes, code }) => [generation, goes, code])).toEqual([
      [1, false, 'factory'],
      [2, true, 'newest'],
      [3, true, 'newest'],
      [4, true, 'newest'],
      [5, true, 'newest'],
      [6, false, 'last-confirmed'],
    ])
    const done = await machine.operation('prune', '--newest', '1', '--yes')
    expect(done.freedBytes).toBeGreaterThan(23 * 1024 * 1024)
    expect(await numbers()).toEqual([1, 6])
    expect(codesOf(await machine.doctor())).toEqual(['remains'])
    const left = await machine.atTopLevel(async (top) => (await runTool('/usr/bin/btrfs', ['subvolume', 'list', '-o', '--', top])).stdout)
    expect(left).toContain('gen-000003/root')
    expect(left).not.toMatch(/gen-00000[245]/)
  })

  it('tries again what the kernel did not let go of', async () => {
    await machine.must('prune', '--yes')
    expect(codesOf(await machine.doctor())).toEqual(['remains'])
    await setDefault('')
    await machine.must('prune', '--yes')
    await expectWhole(machine)
  })
})
