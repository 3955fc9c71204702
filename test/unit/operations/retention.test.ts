import { describe, expect, it } from 'vitest'
import type { Appliance } from '../../../src/operations/appliance.ts'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { diagnose } from '../../../src/operations/diagnosis/diagnose.ts'
import { pruneGenerations } from '../../../src/operations/remove-generations.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import { rootVolume } from '../../../src/snap/driver.ts'
import type { Policy } from '../../../src/policy/policy.ts'
import { MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'

const GIB = 1024 ** 3

const ruled = (appliance: Appliance, words: Partial<Policy['retention']>): Appliance => ({
  ...appliance,
  policy: { ...appliance.policy, retention: { ...appliance.policy.retention, ...words } },
})

const snapshots = async (machine: MemoryAppliance, count: number): Promise<void> => {
  for (let taken = 0; taken < count; taken += 1)
    await takeSnapshot(machine.process(), { text: `snapshot ${String(taken)}`, withData: false, keep: false, quiesce: false }, quietly)
}

const upgrade = async (machine: MemoryAppliance): Promise<void> => {
  machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none' }
  await upgradePackages(machine.process(), { packages: [], release: null, withData: false, quiesce: false, refresh: false }, quietly)
}

const generationsOf = async (machine: MemoryAppliance): Promise<number[]> => (await machine.process().index.read()).generations.map(({ id }) => id)

describe('retention by itself', () => {
  it('runs after a confirmation, not before, and leaves a record of its own', async () => {
    const machine = await MemoryAppliance.initialised()
    await snapshots(machine, 4)
    await upgrade(machine)
    await machine.reboot()
    expect(await generationsOf(machine)).toEqual([1, 2, 3, 4, 5, 6])
    const result = await confirmVersion(ruled(machine.process(), { newest: 2 }), quietly)
    expect(await generationsOf(machine)).toEqual([1, 6, 7])
    expect(result.plan.notices.join('\n')).toContain('retention: 4 generations')
    expect((await machine.process().audit.read()).map(({ operation }) => operation).slice(-2)).toEqual(['confirm', 'prune'])
  })

  it('does nothing where policy says so', async () => {
    const machine = await MemoryAppliance.initialised()
    await snapshots(machine, 3)
    await upgrade(machine)
    await machine.reboot()
    await confirmVersion(ruled(machine.process(), { newest: 1, automatic: false }), quietly)
    expect(await generationsOf(machine)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('is not stopped by what the filesystem does not let go of: that is remembered, doctor tells of it, and the next prune tries again', async () => {
    const machine = await MemoryAppliance.initialised()
    await snapshots(machine, 3)
    const { generations } = await machine.process().index.read()
    const busy = rootVolume(generations[2] ?? { members: [] })
    machine.pool.busy.add(busy?.guid ?? '')

    await pruneGenerations(machine.process(), { newest: 1 }, quietly)
    expect(await generationsOf(machine)).toEqual([1, 4])
    const { index, driver } = machine.process()
    expect((await index.read()).remains).toMatchObject([{ kind: 'generation', name: 'gen-000003' }])
    expect((await driver.survey()).map(({ name }) => name)).not.toContain('gen-000002')
    expect((await diagnose(machine.process())).map(({ finding }) => finding)).toContainEqual(expect.objectContaining({ code: 'remains', severity: 'note' }))

    const again = await pruneGenerations(machine.process(), { newest: 9 }, quietly)
    expect(again.executed).toBe(true)
    expect((await index.read()).remains).toHaveLength(1)
    machine.pool.busy.clear()
    await pruneGenerations(machine.process(), { newest: 9 }, quietly)
    expect(await machine.process().index.read()).not.toHaveProperty('remains')
    expect((await diagnose(machine.process())).map(({ finding }) => finding.code)).not.toContain('remains')
  })

  it('makes the room that policy wants, and no more than that: what came free is measured after each', async () => {
    const machine = await MemoryAppliance.initialised()
    await snapshots(machine, 7)
    const appliance = ruled(machine.process(), { newest: 9, freeGiB: 10, least: 2 })
    const destroyed: string[] = []
    const destroy = appliance.driver.destroyGeneration.bind(appliance.driver)
    // What two generations share comes free with the second.
    Object.assign(appliance.driver, {
      space: () => Promise.resolve({ free: 8 * GIB + Math.floor(destroyed.length / 2) * GIB, total: 100 * GIB }),
      destroyGeneration: (name: Parameters<typeof destroy>[0]) => {
        destroyed.push(name)
        return destroy(name)
      },
    })
    const result = await pruneGenerations(appliance, {}, quietly)
    expect(destroyed).toEqual(['gen-000002', 'gen-000003', 'gen-000004', 'gen-000005'])
    expect(result.freedBytes).toBe(2 * GIB)
    expect(result.plan.notices.join('\n')).toContain('gone for good too: 3, 4, 5')
  })

  it('takes nothing more while what it let go is still being freed, and says so', async () => {
    const machine = await MemoryAppliance.initialised()
    await snapshots(machine, 5)
    const appliance = ruled(machine.process(), { newest: 9, freeGiB: 10, least: 1 })
    Object.assign(appliance.driver, { space: () => Promise.resolve({ free: GIB, total: 100 * GIB }), awaitFreed: () => Promise.resolve(false) })
    const result = await pruneGenerations(appliance, {}, quietly)
    expect(await generationsOf(machine)).toEqual([1, 3, 4, 5, 6])
    expect(result.plan.notices.join('\n')).toContain('still being freed')
  })

  it('says that no more can go when the room is not reached', async () => {
    const machine = await MemoryAppliance.initialised()
    await snapshots(machine, 3)
    const appliance = ruled(machine.process(), { newest: 9, freePercent: 90, least: 2 })
    Object.assign(appliance.driver, { space: () => Promise.resolve({ free: GIB, total: 100 * GIB }) })
    const result = await pruneGenerations(appliance, {}, quietly)
    expect(await generationsOf(machine)).toEqual([1, 3, 4])
    expect(result.plan.notices.join('\n')).toContain('lets nothing more go')
  })
})
