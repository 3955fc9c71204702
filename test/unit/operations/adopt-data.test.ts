import { describe, expect, it } from 'vitest'
import type { Appliance } from '../../../src/operations/appliance.ts'
import { initialise } from '../../../src/operations/initialise.ts'
import type { OperationResult } from '../../../src/operations/run-operation.ts'
import type { Volume } from '../../../src/snap/model.ts'
import { CONFIG, MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'
import { MemoryDriver } from '../../fakes/memory-driver.ts'

const CUSTOMER = '/srv/customer'

interface Machine {
  readonly machine: MemoryAppliance
  readonly customer: Volume
}

/** A machine before belay, with a volume that the system mounts by itself. */
const machineWithCustomer = async (): Promise<Machine> => {
  const machine = await MemoryAppliance.installed()
  await machine.pool.make('customer')
  const customer = await machine.pool.volumeAtPath('customer')
  if (customer === null) throw new Error('the volume was not made')
  machine.pool.selfMounting.add(customer.guid)
  await machine.pool.mount(customer, `/target${CUSTOMER}`)
  await machine.files.writeAtomic(`/target${CUSTOMER}/customer.txt`, 'customer\n')
  return { machine, customer }
}

const processOf = (machine: MemoryAppliance): Appliance => ({ ...machine.process(), driver: new MemoryDriver(machine.pool, { adoptsData: true }) })
const init = (appliance: Appliance, data: readonly string[], planOnly = false): Promise<OperationResult> =>
  initialise(appliance, { config: [CONFIG], data, inRoot: [], policyText: 'format: 1\n', notices: [] }, { ...quietly, planOnly })

describe('init with --data at a mount', () => {
  it('makes data of what is mounted there, and leaves the rest of its directory to root', async () => {
    const { machine, customer } = await machineWithCustomer()
    const appliance = processOf(machine)
    await init(appliance, [CUSTOMER])
    const { data, bootEnvironments } = await appliance.index.read()
    const adopted = data.find(({ mountpoint }) => mountpoint === CUSTOMER)
    expect(adopted).toMatchObject({ role: 'data', volume: customer })
    expect(bootEnvironments.every((be) => be.data.some((use) => use.data === adopted?.name))).toBe(true)
    expect(machine.pool.selfMounting).toEqual(new Set())
    expect(await machine.files.readText(`${machine.pool.at('customer')}/customer.txt`)).toBe('customer\n')
    const fstab = await machine.files.readText(`${machine.pool.at('be/be-000001/root')}/etc/fstab`)
    expect(fstab).toMatch(new RegExp(`${CUSTOMER} .*subvol=customer,`))
  })

  it('leaves the system of before as it was, wherever it is cut before its commit point', async () => {
    let isDone = false
    const seen = { before: 0, after: 0 }
    for (let changes = 1; !isDone; changes += 7) {
      const { machine, customer } = await machineWithCustomer()
      const appliance = processOf(machine)
      machine.life.endAfter(changes)
      try {
        await init(appliance, [CUSTOMER])
        isDone = true
      } catch (error) {
        if (!machine.life.isOver()) throw error
      }
      machine.life.renew()
      const mountsItself = (): boolean => machine.pool.selfMounting.has(customer.guid)
      // GRUB may still start the system of before, which has no line for it.
      if (machine.partition.choice === null) expect(mountsItself()).toBe(true)
      if ((await appliance.driver.stateDirectory()) !== null) await machine.recover()
      const marks = [...machine.pool.marks.values()].filter(({ paths }) => paths.includes('customer'))
      expect(marks).toHaveLength(mountsItself() ? 0 : 1)
      seen[mountsItself() ? 'before' : 'after'] += 1
    }
    expect(seen.before).toBeGreaterThan(3)
    expect(seen.after).toBeGreaterThan(0)
  })

  it('names what is a filesystem of its own, and what would have to be named instead', async () => {
    const { machine } = await machineWithCustomer()
    await machine.files.makeDirectory(`/target${CUSTOMER}/inner`)
    await expect(init(processOf(machine), [`${CUSTOMER}/inner`])).rejects.toMatchObject({
      code: 'layout/data-in-mount',
      exitCode: 10,
      data: { mount: CUSTOMER },
    })
    const { plan } = await init(processOf(machine), [], true)
    expect(plan.steps.map(({ kind }) => kind)).not.toContain('data.adopt')
  })

  it('is refused, before anything is changed, for a filesystem that is not of a pool, and by a driver that adopts none', async () => {
    const { machine } = await machineWithCustomer()
    await machine.files.makeDirectory('/target/srv/nfs')
    const table = await machine.files.readText('/proc/self/mountinfo')
    await machine.files.writeAtomic('/proc/self/mountinfo', `${table}50 40 0:50 / /target/srv/nfs rw - nfs4 server:/share rw\n`)
    await expect(init(processOf(machine), ['/srv/nfs'])).rejects.toMatchObject({ code: 'layout/data-filesystem', exitCode: 10, data: { type: 'nfs4' } })
    await expect(init(machine.process(), [CUSTOMER])).rejects.toMatchObject({ code: 'layout/mounted-data', exitCode: 10 })
    expect(await machine.process().driver.survey()).toEqual([])
    expect(await machine.process().driver.stateDirectory()).toBeNull()
  })
})
