import { describe, expect, it } from 'vitest'
import { initialise } from '../../../src/operations/initialise.ts'
import type { OperationResult } from '../../../src/operations/run-operation.ts'
import { CONFIG, MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

const NESTED = '/opt/acme'

const init = (machine: MemoryAppliance): Promise<OperationResult> =>
  initialise(machine.process(), { config: [CONFIG], data: [], inRoot: [], policyText: 'format: 1\n', notices: [] }, { ...quietly, planOnly: true })

const machineWithMount = async (mountpoint: string, type = 'ext4'): Promise<MemoryAppliance> => {
  const machine = await MemoryAppliance.installed()
  for (const directory of ['/usr/local', '/var/lib/dpkg', '/var/log']) await machine.files.makeDirectory(`/target${directory}`)
  const table = await machine.files.readText('/proc/self/mountinfo')
  await machine.files.writeAtomic('/proc/self/mountinfo', `${table}50 40 8:3 / /target${mountpoint} rw - ${type} tank/one rw\n`)
  return machine
}

/** A machine with a volume of its own in the installed root, without belay's knowing. */
const machineWithNested = async (content: string | null): Promise<MemoryAppliance> => {
  const machine = await MemoryAppliance.installed()
  await machine.files.makeDirectory('/target/opt')
  await machine.pool.make(machine.pool.pathOf(`/target${NESTED}`))
  if (content !== null) await machine.files.writeAtomic(`/target${NESTED}/program`, content)
  return machine
}

describe('init on a root that is not whole', () => {
  it.each([
    ['/usr', '/usr'],
    ['/var', '/var/lib/dpkg'],
    ['/var/lib', '/var/lib/dpkg'],
    ['/etc', '/etc'],
  ])('refuses %s on a filesystem of its own', async (mountpoint, path) => {
    const machine = await machineWithMount(mountpoint)
    await expect(init(machine)).rejects.toMatchObject({ code: 'layout/split-system', exitCode: 10, data: { mount: mountpoint, path } })
  })

  it.each(['/usr/local', '/var/log', '/opt'])('takes %s on a filesystem of its own', async (mountpoint) => {
    await expect(init(await machineWithMount(mountpoint))).resolves.toMatchObject({ executed: false })
  })

  it('refuses a volume in root that every clone would have empty', async () => {
    await expect(init(await machineWithNested('x'))).rejects.toMatchObject({ code: 'layout/nested', exitCode: 10, data: { path: NESTED } })
  })

  it('takes one that is empty, has a line of its own in fstab, or mounts itself', async () => {
    await expect(init(await machineWithNested(null))).resolves.toMatchObject({ executed: false })

    const inFstab = await machineWithNested('x')
    const fstab = await inFstab.files.readText('/target/etc/fstab')
    await inFstab.files.writeAtomic('/target/etc/fstab', `${fstab}/dev/sda2 ${NESTED} btrfs subvol=installed${NESTED} 0 0\n`)
    await expect(init(inFstab)).resolves.toMatchObject({ executed: false })

    const selfMounting = await machineWithNested('x')
    const volume = await selfMounting.pool.volumeAtPath(selfMounting.pool.pathOf(`/target${NESTED}`))
    selfMounting.pool.selfMounting.add(volume?.guid ?? '')
    await expect(init(selfMounting)).resolves.toMatchObject({ executed: false })
  })

  it('refuses a dataset that mounts itself below what is taken out of root, which would cover it', async () => {
    const machine = await machineWithMount('/srv/media', 'zfs')
    await machine.files.makeDirectory('/target/srv/media')
    await expect(init(machine)).rejects.toMatchObject({ code: 'layout/nested', data: { path: '/srv/media', dataset: 'tank/one' } })
    const fstab = await machine.files.readText('/target/etc/fstab')
    await machine.files.writeAtomic('/target/etc/fstab', `${fstab}tank/one /srv/media zfs defaults 0 0\n`)
    await expect(init(machine)).resolves.toMatchObject({ executed: false })
  })

  it('refuses configuration that is a filesystem of its own', async () => {
    const machine = await machineWithMount(CONFIG)
    await expect(init(machine)).rejects.toMatchObject({ code: 'layout/config-mount', data: { path: CONFIG } })
  })

  it.each(['srv/files', '/srv//files', '/srv/files/', '/srv/../home'])('refuses --data %s before anything is looked at', async (path) => {
    const machine = await MemoryAppliance.installed()
    const request = { config: [CONFIG], data: [path], inRoot: [], policyText: 'format: 1\n', notices: [] }
    await expect(initialise(machine.process(), request, { ...quietly, planOnly: true })).rejects.toMatchObject({ exitCode: 2 })
  })
})
