import { describe, expect, it } from 'vitest'
import { LockedError } from '../../../src/errors.ts'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import type { BeName } from '../../../src/snap/names.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

const rollbackOnce = { direction: 'rollback', id: 1, keepConfig: false, withData: false, once: true, force: false } as const

describe('after a boot', () => {
  it('the audit log and the index learn once what came up, and why', async () => {
    const machine = await MemoryAppliance.initialised()
    expect((await recordBoot(machine.process())).report).toMatchObject({ running: 'be-000001', why: 'confirmed', recorded: true })
    expect((await recordBoot(machine.process())).report).toMatchObject({ recorded: false })
    const { audit, index } = machine.process()
    expect((await audit.read()).filter((entry) => entry.operation === 'booted')).toMatchObject([{ summary: 'be-000001 came up: confirmed', outcome: 'done' }])
    expect((await index.read()).lastStart).toMatchObject({ be: 'be-000001', why: 'confirmed' })
    await machine.reboot()
    expect((await recordBoot(machine.process())).report).toMatchObject({ recorded: true })
  })

  it('a standby that was started is known as such, and no reboot is asked for', async () => {
    const machine = await MemoryAppliance.initialised()
    await recordBoot(machine.process())
    await switchVersion(machine.process(), rollbackOnce, quietly)
    await machine.reboot()
    expect((await recordBoot(machine.process())).report).toMatchObject({ running: 'be-000002', why: 'picked', next: 'be-000001' })
    expect(await machine.files.stat('/run/reboot-required')).toBeNull()
    const { bootEnvironments } = await machine.process().index.read()
    expect(bootEnvironments).toMatchObject([{ standsFor: null }, { standsFor: 1, startedAs: 1 }])
    expect(bootEnvironments[0]).not.toHaveProperty('startedAs')
  })

  it('an operation that comes first records the boot, and what came up is not what it makes of it', async () => {
    const machine = await MemoryAppliance.initialised()
    await switchVersion(machine.process(), rollbackOnce, quietly)
    await machine.reboot()
    await confirmVersion(machine.process(), quietly)
    const { audit, index } = machine.process()
    expect((await audit.read()).map(({ summary }) => summary)).toContain('be-000002 came up: picked')
    expect((await index.read()).lastStart).toMatchObject({ be: 'be-000002', why: 'picked' })
    expect((await recordBoot(machine.process())).report).toMatchObject({ recorded: false, why: 'confirmed' })
  })

  it('a trial that was ended by a reboot can be ended again, unless that is what came up', async () => {
    const machine = await MemoryAppliance.initialised()
    for (const [ended, after] of [
      ['be-000001', 'be-000001'],
      ['be-000002', null],
    ] as const) {
      machine.partition.endedTrial = ended as BeName
      await recordBoot(machine.process())
      expect(machine.partition.endedTrial).toBe(after)
    }
  })

  it('an operation that is under way is left alone', async () => {
    const machine = await MemoryAppliance.initialised()
    const appliance = machine.process()
    const lock = { acquire: () => Promise.reject(new LockedError('upgrade holds it')) }
    expect((await recordBoot({ ...appliance, lock })).report).toMatchObject({ running: 'be-000001', recorded: false, identityGivenTo: [] })
    expect(await appliance.audit.read()).toHaveLength(1)
  })

  it('one boot environment that cannot be written keeps no other from its files', async () => {
    const machine = await MemoryAppliance.initialised()
    await machine.files.writeAtomic('/target/etc/machine-id', 'new\n', 0o444)
    const appliance = machine.process()
    const whole = appliance.driver.beRootDirectory.bind(appliance.driver)
    const beRootDirectory = (be: BeName) => (be === 'be-000001' ? Promise.reject(new Error('it is torn')) : whole(be))
    Object.assign(appliance.driver, { beRootDirectory })
    expect((await recordBoot(appliance)).report.identityGivenTo).toEqual(['be-000002'])
  })
})
