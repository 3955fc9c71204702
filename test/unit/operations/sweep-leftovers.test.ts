import { describe, expect, it } from 'vitest'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { readStatus } from '../../../src/operations/read-status.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

const LEFT = '.index.json.19b7f4bf06b6.tmp'
const FOREIGN = ['.index.json.tmp', 'index.json.19b7f4bf06b6.tmp', '.index.json.19b7f4bf06b6.tmp.old']

describe('a file that was to take another’s place when the power failed', () => {
  it('stays while belay only looks, and goes when the next operation holds the lock; what others left stays', async () => {
    const machine = await MemoryAppliance.initialised()
    const { stateDirectory: state } = machine.process()
    const names = async (): Promise<string[]> => (await machine.files.list(state)).filter((name) => name.includes('.tmp'))
    for (const name of [LEFT, ...FOREIGN]) await machine.files.writeAtomic(`${state}/${name}`, '{')
    await machine.files.writeAtomic(`${state}/generations/.gen-000002.json.0123456789ab.tmp`, '{')

    await readStatus(machine.process())
    expect(await names()).toEqual([LEFT, ...FOREIGN].sort())
    await confirmVersion(machine.process(), quietly)
    expect(await names()).toEqual([...FOREIGN].sort())
    expect(await machine.files.list(`${state}/generations`)).toEqual(['gen-000001.json'])
  })
})
