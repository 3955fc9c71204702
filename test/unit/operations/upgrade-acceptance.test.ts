import { describe, expect, it } from 'vitest'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { readStatus } from '../../../src/operations/read-status.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import { statusText } from '../../../src/view/status-text.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

const everything = { packages: [], release: null, withData: false, quiesce: false, refresh: false }
const once = { direction: 'rollback', id: 1, keepConfig: false, withData: false, once: true, force: false } as const

/** What status says, which is what an upgrade does. */
const asked = async (machine: MemoryAppliance): Promise<string | null> => {
  const status = await readStatus(machine.process())
  const { upgrade } = status
  const error: unknown = await upgradePackages(machine.process(), everything, { ...quietly, planOnly: true }).then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(upgrade).toMatchObject({ accepted: error === null, code: error === null ? null : (error as { code: string }).code })
  expect(upgrade?.accepted === true || (upgrade?.why !== null && upgrade?.next.length !== 0)).toBe(true)
  expect(statusText(status).includes(`Next upgrade  has to wait: ${upgrade?.why ?? ''} (`)).toBe(error !== null)
  return upgrade?.code ?? null
}

describe('whether an upgrade would be accepted', () => {
  it('is told by status as the upgrade itself would, through a life', async () => {
    const machine = await MemoryAppliance.initialised()
    machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none' }
    expect(await asked(machine)).toBeNull()
    await upgradePackages(machine.process(), everything, quietly)
    expect(await asked(machine)).toBe('session/trial')
    await machine.reboot()
    expect(await asked(machine), 'an unverified version waits').toBe('session/trial')
    await confirmVersion(machine.process(), quietly)
    expect(await asked(machine)).toBeNull()
    await switchVersion(machine.process(), once, quietly)
    expect(await asked(machine)).toBe('once')
    await machine.reboot()
    expect(await asked(machine)).toBe('not-confirmed')
  })

  it('is told of a machine whose upgrade failed, and of one that is not belay’s', async () => {
    const machine = await MemoryAppliance.initialised()
    machine.packages.offer = { kernel: true, dataFormat: null, failure: 'in dpkg' }
    await expect(upgradePackages(machine.process(), everything, quietly)).rejects.toThrow()
    expect(await asked(machine)).toBe('session/failed')
    expect((await readStatus((await MemoryAppliance.installed()).process())).upgrade).toBeNull()
  })
})
