import { describe, expect, it } from 'vitest'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { diagnose } from '../../../src/operations/diagnosis/diagnose.ts'
import { listGenerations } from '../../../src/operations/list-generations.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import { pruneGenerations } from '../../../src/operations/remove-generations.ts'
import { showGeneration } from '../../../src/operations/show-generation.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import type { FaultPoints } from '../../../src/snap/fault-points.ts'
import { beName } from '../../../src/snap/names.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

const DAY_MS = 86_400_000
const everything = { packages: [], release: null, withData: false, quiesce: false, refresh: false }
const rollback = { direction: 'rollback', keepConfig: false, withData: false, once: false, force: false } as const

/** An upgrade during which the power fails. */
const cutAt = async (point: string): Promise<MemoryAppliance> => {
  const machine = await MemoryAppliance.initialised()
  machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none' }
  const reach: FaultPoints['reach'] = (name) => {
    if (name === point) machine.life.endAfter(0)
    return Promise.resolve()
  }
  await expect(upgradePackages(machine.process({ reach }), everything, quietly)).rejects.toThrow()
  await machine.reboot()
  return machine
}

describe('a boot after the power failed in an upgrade', () => {
  it('undoes what had not come as far as its standby', async () => {
    const machine = await cutAt('record.applied')
    const { report } = await recordBoot(machine.process())
    expect(report).toMatchObject({ running: 'be-000001', why: 'confirmed', recovered: [{ operation: 'upgrade', outcome: 'undone' }], torn: null })
    expect((await diagnose(machine.process())).filter(({ finding }) => finding.severity === 'problem')).toEqual([])
  })

  it('finishes what was past its commit point', async () => {
    const machine = await cutAt('switch.applied')
    expect((await recordBoot(machine.process())).report).toMatchObject({ running: 'be-000001', why: 'trial', recovered: [{ outcome: 'done' }], torn: null })
  })

  it('keeps what dpkg left torn, offers it nowhere, and refuses it by name', async () => {
    const machine = await cutAt('apply-1.begun')
    const { report } = await recordBoot(machine.process())
    expect(report).toMatchObject({ running: 'be-000003', why: 'fallback-from-upgrade', recovered: [{ outcome: 'escaped' }], torn: 'be-000001' })
    expect((await recordBoot(machine.process())).report).toMatchObject({ recovered: [], torn: null })

    const { boot, index } = machine.process()
    expect(await boot.bootSets()).not.toContain('be-000001')
    const known = await index.read()
    const { choice } = await boot.readChoice()
    expect(choice === null ? null : await boot.isMenuCurrent(known, choice)).toBe(true)
    expect((await listGenerations(machine.process())).torn).toMatchObject([{ be: 'be-000001' }])
    expect(await showGeneration(machine.process(), 2)).toMatchObject({ torn: { be: 'be-000001' } })
    expect((await diagnose(machine.process())).map(({ finding }) => `${finding.severity} ${finding.code}`)).toContain('note torn')

    await confirmVersion(machine.process(), quietly)
    for (const direction of ['rollback', 'forward'] as const)
      await expect(switchVersion(machine.process(), { ...rollback, direction, id: beName(1) }, quietly)).rejects.toMatchObject({ code: 'torn', exitCode: 10 })
    await upgradePackages(machine.process(), everything, quietly)
  })

  it('lets retention remove what is torn once its days are over', async () => {
    const machine = await cutAt('apply-1.begun')
    await recordBoot(machine.process())
    await confirmVersion(machine.process(), quietly)
    const names = async (): Promise<string[]> => (await machine.process().index.read()).bootEnvironments.map(({ name }) => name)
    machine.clock.advance(13 * DAY_MS)
    await pruneGenerations(machine.process(), {}, quietly)
    expect(await names()).toContain('be-000001')
    machine.clock.advance(2 * DAY_MS)
    await pruneGenerations(machine.process(), {}, quietly)
    expect(await names()).not.toContain('be-000001')
  })

  it('confirming the fallback marks it where no boot was recorded', async () => {
    const machine = await cutAt('apply-1.begun')
    await confirmVersion({ ...machine.process(), bootId: null }, quietly)
    expect((await machine.process().index.read()).bootEnvironments[0]).toMatchObject({
      name: 'be-000001',
      bootSet: null,
      tornAt: expect.any(String) as unknown,
    })
  })
})
