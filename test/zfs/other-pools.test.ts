import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ToolError } from '../../src/errors.ts'
import { confirmVersion } from '../../src/operations/confirm-version.ts'
import { diagnose } from '../../src/operations/diagnosis/diagnose.ts'
import { switchVersion } from '../../src/operations/switch-version.ts'
import { takeSnapshot } from '../../src/operations/take-snapshot.ts'
import type { Member, Volume } from '../../src/snap/model.ts'
import { describeDataAdoption } from '../contract/driver/data-adoption.ts'
import { BE, CONFIG, DATA, FILES, GENERATION, OTHER_DATA, Scene, asSources } from '../contract/driver/scene.ts'
import { quietly } from '../fakes/memory-appliance.ts'
import { PoolAppliance } from './pool-appliance.ts'
import { ZfsUnderTest } from './zfs-under-test.ts'

const CUSTOMER = '/srv/customer'

describe('ZfsDriver with data on another pool', () => {
  let subject: ZfsUnderTest
  let other: { readonly name: string; readonly guid: string }

  beforeEach(async () => {
    subject = await ZfsUnderTest.make()
    other = subject.makeOtherPool()
  })
  afterEach(() => subject.release())

  describeDataAdoption(new Scene(() => subject))

  const adopt = async (): Promise<{ readonly be: readonly Member[]; readonly customer: Volume }> => {
    const be = await subject.driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: subject.installed.volume }])
    const { volume } = await subject.makeMounted()
    return { be: [...be, await subject.driver.carveConfig(BE, CONFIG)], customer: await subject.driver.adoptData(DATA, volume) }
  }
  const withCustomer = (be: readonly Member[], customer: Volume) => [...asSources(be), { role: 'data', mountpoint: FILES, volume: customer } as const]
  const named = (part: string): string[] =>
    subject
      .zfs('list', '-H', '-t', 'snapshot', '-o', 'name', '-r', subject.poolName, other.name)
      .split('\n')
      .filter((name) => name.endsWith(part))

  it('knows a volume by the GUID of its own pool, and makes copies beside what they are copied from', async () => {
    const { be, customer } = await adopt()
    expect(customer).toMatchObject({ pool: other.guid, locator: `${other.name}/customer` })
    await subject.driver.takeGeneration(GENERATION, withCustomer(be, customer))
    const copy = await subject.driver.cloneData(OTHER_DATA, customer)
    expect(copy).toMatchObject({ pool: other.guid, locator: `${other.name}/belay/data/${OTHER_DATA}` })
    expect(await subject.driver.exists({ ...copy, pool: subject.pool })).toBe(false)
    expect(subject.zfs('get', '-H', '-o', 'value', 'belay:mark', customer.locator)).toContain(subject.pool)

    // What was taken of the dataset outlives it, on its own pool, and so do snapshots of other people's.
    subject.zfs('snapshot', `${customer.locator}@autosnap_hourly`)
    execFileSync('/usr/bin/umount', [`${subject.directory}/customer`])
    await subject.driver.destroyData(OTHER_DATA)
    await subject.driver.destroyData(DATA)
    expect(named('@autosnap_hourly')).toEqual([expect.stringContaining(`${other.name}/belay/kept/`)])
    expect((await subject.driver.survey()).find(({ name }) => name === GENERATION)).toMatchObject({ complete: true })
    subject.zfs('destroy', String(named('@autosnap_hourly')[0]))
    await subject.driver.destroyGeneration(GENERATION)
    expect(subject.zfs('list', '-H', '-o', 'name', '-r', '-t', 'all', other.name)).not.toMatch(/kept\/|customer|data-/)
    expect(subject.zfs('get', '-H', '-o', 'value', 'belay:pools', `${subject.poolName}/belay`).trim()).toBe('-')
  })

  it('takes nothing when one of the pools cannot be taken', async () => {
    const { be, customer } = await adopt()
    const driver = subject.open({
      runner: {
        ...subject.runner,
        run: (tool, args, options) => {
          if (args[0] === 'snapshot' && args.at(-1)?.startsWith(other.name) === true)
            return Promise.reject(new ToolError(tool, args, 1, 'cannot create snapshots: pool is suspended'))
          return subject.runner.run(tool, args, options)
        },
      },
    })
    await expect(driver.takeGeneration(GENERATION, withCustomer(be, customer))).rejects.toThrow(ToolError)
    expect(named(`@${GENERATION}`)).toEqual([])
    const taken = await subject.driver.takeGeneration(GENERATION, withCustomer(be, customer))
    expect(taken.map(({ volume }) => volume.pool)).toEqual([subject.pool, subject.pool, other.guid])
  })

  it('goes on without a pool that is not imported, and says so where that pool is needed', async () => {
    const { be, customer } = await adopt()
    await subject.driver.takeGeneration(GENERATION, withCustomer(be, customer))
    await subject.driver.close()
    subject.exportOtherPool()
    const driver = subject.open()
    expect(await driver.absentPools()).toEqual([other.guid])
    expect(await driver.survey()).toContainEqual({ kind: 'generation', name: GENERATION, marked: true, complete: false })
    await expect(driver.cloneData(OTHER_DATA, customer)).rejects.toMatchObject({ code: 'pool-not-imported', next: [`zpool import ${other.guid}`] })
    await expect(driver.checkDestroy({ kind: 'data', name: DATA })).rejects.toMatchObject({ code: 'pool-not-imported' })
    await expect(driver.checkDestroy({ kind: 'generation', name: GENERATION })).rejects.toMatchObject({ code: 'pool-not-imported' })
    await driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume: customer }])
    const line = readFileSync(`${await driver.beRootDirectory(BE)}/etc/fstab`, 'utf8')
    await driver.destroyData(OTHER_DATA)
    await driver.close()
    subject.importOtherPool()

    const next = subject.open()
    expect(await next.absentPools()).toEqual([])
    expect(await next.exists(customer)).toBe(true)
    await next.bindData(BE, [{ mountpoint: FILES, data: DATA, volume: customer }])
    expect(readFileSync(`${await next.beRootDirectory(BE)}/etc/fstab`, 'utf8')).toBe(line)
    expect(line).toContain(`${other.name}/customer ${FILES} zfs zfsutil,nofail,x-systemd.requires=zfs-import.target`)
  })

  it('adopts what fstab mounts, on the pool of the root too, and finds it by its mark when it was renamed', async () => {
    await subject.driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: subject.installed.volume }])
    const dataset = `${subject.poolName}/files`
    subject.zfs('create', '-o', 'mountpoint=legacy', dataset)
    const { directory, unmount } = await subject.mount({ pool: subject.pool, guid: '', locator: dataset })
    const volume = await subject.driver.volumeAt(directory)
    if (volume === null) throw new Error('the driver does not know what is mounted')
    expect(await subject.driver.checkDataAdoption(volume)).toEqual({ mountsItself: false, inner: [] })
    await subject.driver.adoptData(DATA, volume)
    await subject.driver.mountDataByFstab(DATA)
    expect(subject.property(dataset, 'canmount')).toBe('on')
    await unmount()
    subject.zfs('rename', dataset, `${dataset}-of-then`)
    expect(await subject.driver.survey()).toContainEqual({ kind: 'data', name: DATA, marked: true, complete: true })
    await subject.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
    const fstab = await subject.files.readText(`${await subject.driver.beRootDirectory(BE)}/etc/fstab`)
    expect(fstab).toContain(`${dataset}-of-then ${FILES} zfs nofail,x-systemd.after=zfs-mount.service,x-systemd.before=local-fs.target 0 0`)
  })

  it('tells of datasets inside that mount themselves, and destroys nothing that holds them', async () => {
    const { volume, directory } = await subject.makeMounted()
    subject.zfs('create', `${volume.locator}/inner`)
    subject.zfs('create', '-o', 'mountpoint=legacy', `${volume.locator}/by-fstab`)
    const { inner } = await subject.driver.checkDataAdoption(volume)
    expect(inner.map(({ path, volume: { locator } }) => [path, locator])).toEqual([[`${directory}/inner`, `${volume.locator}/inner`]])
    await subject.driver.adoptData(DATA, volume)
    await subject.files.writeAtomic(`${directory}/inner/precious`, 'precious')
    execFileSync('/usr/bin/umount', ['--recursive', directory])
    await expect(subject.driver.checkDestroy({ kind: 'data', name: DATA })).rejects.toMatchObject({ code: 'in-use' })
    await expect(subject.driver.destroyData(DATA)).rejects.toMatchObject({ code: 'in-use' })
    expect(subject.zfs('list', '-H', '-o', 'name', '-r', volume.locator).trim().split('\n')).toHaveLength(3)
    const top = subject.zfs('list', '-H', '-p', '-o', 'guid,createtxg', other.name).trim().replace('\t', '-')
    await expect(subject.driver.checkDataAdoption({ pool: other.guid, guid: top, locator: other.name })).rejects.toMatchObject({ code: 'layout/top-level' })
  })
})

describe('An appliance with its customer’s data on another pool', () => {
  let machine: PoolAppliance
  let customer: Volume

  beforeEach(async () => {
    machine = await PoolAppliance.installed()
    customer = await machine.addCustomerPool(CUSTOMER)
  })
  afterEach(() => machine.release())

  const file = (): Promise<string> => machine.read(`${CUSTOMER}/customer.txt`)
  const write = (text: string): Promise<void> => machine.subject.files.writeAtomic(join(machine.root, CUSTOMER, 'customer.txt'), text)
  const mountedThere = (): string => execFileSync('/usr/bin/findmnt', ['-n', '-o', 'SOURCE', join(machine.root, CUSTOMER)], { encoding: 'utf8' }).trim()

  it('is initialised with it, snapshots it, and goes back and forward with and without it', async () => {
    const { plan } = await machine.initialise([FILES, CUSTOMER])
    expect(plan.notices.join('\n')).toContain(`zfs mount ${customer.locator}`)
    expect(machine.subject.property(customer.locator, 'canmount')).toBe('noauto')
    await machine.reboot()
    expect([mountedThere(), await file()]).toEqual([customer.locator, 'customer\n'])

    await takeSnapshot(await machine.process(), { text: 'with data', withData: true, keep: false, quiesce: false }, quietly)
    const { index: store } = await machine.process()
    const generation = (await store.read()).generations.at(-1)
    expect(generation).toMatchObject({ atomic: false })
    expect(generation?.members.filter(({ role }) => role === 'data').map(({ volume }) => volume.pool)).toEqual([machine.subject.pool, customer.pool])
    await write('changed\n')

    const go = async (direction: 'rollback' | 'forward', id: number | null, withData: boolean): Promise<void> => {
      await switchVersion(await machine.process(), { direction, id, keepConfig: false, withData, once: false, force: false }, quietly)
      await machine.reboot()
      await confirmVersion(await machine.process(), quietly)
    }
    await go('rollback', generation?.id ?? 0, true)
    expect(await file()).toBe('customer\n')
    expect(mountedThere()).toContain(`${customer.locator.replace(/\/.*/, '')}/belay/data/data-`)
    await write('in the copy\n')
    await go('forward', null, false)
    expect([mountedThere(), await file()]).toEqual([customer.locator, 'changed\n'])
    await go('rollback', 1, false)
    expect([mountedThere(), await file()]).toEqual([customer.locator, 'changed\n'])
    const findings = (await diagnose(await machine.process())).map(({ finding }) => finding).filter(({ severity }) => severity !== 'note')
    expect(findings).toEqual([])
  })

  it('refuses what it could not keep together, unless all of it is named', async () => {
    machine.subject.zfs('create', `${customer.locator}/inner`)
    await expect(machine.initialise([CUSTOMER])).rejects.toMatchObject({ code: 'layout/nested' })
    expect(machine.subject.zfs('get', '-H', '-s', 'local', '-o', 'name', 'belay:mark', customer.locator)).toBe('')
    expect(machine.subject.property(customer.locator, 'canmount')).toBe('on')
    const { plan } = await machine.initialise([CUSTOMER, `${CUSTOMER}/inner`])
    await machine.reboot()
    expect(plan.steps.filter(({ kind }) => kind === 'data.adopt')).toHaveLength(2)
    expect([mountedThere(), await file()]).toEqual([customer.locator, 'customer\n'])
    expect(execFileSync('/usr/bin/findmnt', ['-n', '-o', 'SOURCE', join(machine.root, CUSTOMER, 'inner')], { encoding: 'utf8' }).trim()).toBe(
      `${customer.locator}/inner`,
    )
  })
})
