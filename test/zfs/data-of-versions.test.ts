import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { confirmVersion } from '../../src/operations/confirm-version.ts'
import { diagnose } from '../../src/operations/diagnosis/diagnose.ts'
import { switchVersion } from '../../src/operations/switch-version.ts'
import { takeSnapshot } from '../../src/operations/take-snapshot.ts'
import { upgradePackages } from '../../src/operations/upgrade-packages.ts'
import { faultPointsOf } from '../../src/snap/fault-points.ts'
import { FILES } from '../contract/driver/scene.ts'
import { quietly } from '../fakes/memory-appliance.ts'
import type { Offer } from '../fakes/small-packages.ts'
import { PoolAppliance } from './pool-appliance.ts'

const CUSTOMER = `${FILES}/customer.txt`

describe('The customer’s data on a real pool', () => {
  let machine: PoolAppliance

  beforeEach(async () => {
    machine = await PoolAppliance.initialised()
  })
  afterEach(() => machine.release())

  const write = (content: string): Promise<void> => machine.subject.files.writeAtomic(`${machine.root}${CUSTOMER}`, content)
  /** SHA-256 of all that the version that runs has at the place of the data. */
  const data = async (): Promise<string> => {
    const names = await machine.subject.files.list(`${machine.root}${FILES}`)
    const hash = createHash('sha256').update(names.join('\n'))
    for (const name of names.filter((candidate) => candidate.endsWith('.txt'))) hash.update(await machine.read(`${FILES}/${name}`))
    return hash.digest('hex')
  }
  const startAndConfirm = async (): Promise<void> => {
    await machine.reboot()
    await confirmVersion(await machine.process(), quietly)
  }
  const upgrade = async (offer: Partial<Offer>): Promise<void> => {
    machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none', ...offer }
    await upgradePackages(await machine.process(), { packages: [], withData: false, refresh: false, quiesce: false, release: null }, quietly)
  }
  const go = async (direction: 'rollback' | 'forward', withData: boolean): Promise<void> => {
    await switchVersion(await machine.process(), { direction, id: null, keepConfig: false, withData, once: false, force: false }, quietly)
    await startAndConfirm()
  }

  it('go back with the version that can read them when asked, and forward again with what was written since', async () => {
    await write('format 1, before')
    const before = await data()
    await upgrade({ dataFormat: '2.0.0' })
    await startAndConfirm()
    expect(await data()).toBe(before)
    await write('format 2, migrated')
    const migrated = await data()

    await expect(go('rollback', false)).rejects.toMatchObject({ exitCode: 10 })
    await go('rollback', true)
    expect(await data()).toBe(before)
    await write('format 1, written after going back')
    const after = await data()

    await go('forward', false)
    expect(await data()).toBe(migrated)
    // What the older version wrote is neither lost nor mixed in.
    await go('rollback', true)
    expect([before, after]).toContain(await data())
    const { index, driver } = await machine.process()
    const contents = await Promise.all(
      (await index.read()).data.map(async ({ volume }) => machine.subject.files.readText(`${await driver.directoryOf(volume)}/customer.txt`).catch(() => '')),
    )
    expect(contents).toEqual(expect.arrayContaining(['format 2, migrated', 'format 1, written after going back']))
  })

  it('are in the format of the version that comes up after an upgrade that migrates them has failed, and nothing is lost', async () => {
    await upgrade({ dataFormat: '2.0.0' })
    await startAndConfirm()
    await write('format 2')
    const before = await data()
    await expect(upgrade({ dataFormat: '3.0.0', failure: 'half configured' })).rejects.toMatchObject({ exitCode: 20 })
    // The new application ran before it failed, and has begun to migrate.
    await write('format 3, half migrated')
    await machine.reboot()
    expect(await machine.read('usr/bin/gateway')).toBe('gateway 2\n')
    expect(await data()).toBe(before)
    const { index, driver } = await machine.process()
    const contents = await Promise.all(
      (await index.read()).data.map(async ({ volume }) => machine.subject.files.readText(`${await driver.directoryOf(volume)}/customer.txt`).catch(() => '')),
    )
    expect(contents).toContain('format 3, half migrated')
  })

  it('belong to the version that comes up when the power fails at any step of a rollback with them, and nothing is lost', async () => {
    await write('of then')
    await takeSnapshot(await machine.process(), { text: 'with the data', withData: true, keep: true, quiesce: false }, quietly)
    await write('of now')
    const { index } = await machine.process()
    const target = (await index.read()).generations.at(-1)?.id ?? 0
    const request = { direction: 'rollback', id: target, keepConfig: false, withData: true, once: false, force: false } as const
    const planned = async (): Promise<string[]> => {
      const { plan } = await switchVersion(await machine.process(), request, { ...quietly, planOnly: true })
      return faultPointsOf(plan.steps)
    }
    const home = await machine.running()
    let wentBack = 0
    // Names in the plan change from time to time, its steps do not.
    for (const cut of (await planned()).keys()) {
      const point = (await planned())[cut] ?? ''
      await expect(switchVersion(await machine.process(point), request, quietly), point).rejects.toThrow('the process died')
      const came = await machine.reboot()
      expect(await machine.read(`${FILES}/customer.txt`), point).toBe(came === home ? 'of now' : 'of then')
      await confirmVersion(await machine.process(), quietly)
      if (came !== home) {
        wentBack += 1
        await go('forward', false)
        expect(await machine.running()).toBe(home)
        expect(await machine.read(`${FILES}/customer.txt`), point).toBe('of now')
      }
      const findings = (await diagnose(await machine.process())).map(({ finding }) => finding)
      expect(
        findings.filter(({ severity }) => severity !== 'note'),
        point,
      ).toEqual([])
    }
    expect(wentBack).toBeGreaterThan(0)
  })
})
