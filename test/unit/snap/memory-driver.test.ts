import { describeAdoptingDriver, describeDriver, describeRefusingDriver } from '../../contract/driver-contract.ts'
import { type DriverUnderTest, fillInstalledRoot } from '../../contract/driver/driver-under-test.ts'
import { MemoryDriver } from '../../fakes/memory-driver.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { MemoryPool } from '../../fakes/memory-pool.ts'

const prepare = async (adoptsData: boolean): Promise<DriverUnderTest> => {
  const files = new MemoryFiles()
  const pool = new MemoryPool(files)
  await pool.make('installed')
  const volume = await pool.volumeAtPath('installed')
  if (volume === null) throw new Error('the installed root was not made')
  await fillInstalledRoot(files, pool.at('installed'), '/outside')
  await pool.mount(volume, '/installed')
  let mounts = 0
  return {
    driver: new MemoryDriver(pool, { adoptsData }),
    files,
    installed: { volume, directory: '/installed' },
    reopen: () => {
      pool.life.renew()
      return Promise.resolve(new MemoryDriver(pool, { adoptsData }))
    },
    mortal: (changes) => {
      pool.life.endAfter(changes)
      return Promise.resolve(new MemoryDriver(pool, { adoptsData }))
    },
    mount: async (mounted) => {
      mounts += 1
      const directory = `/mnt/${String(mounts)}`
      await pool.mount(mounted, directory)
      return { directory, unmount: () => pool.unmount(directory) }
    },
    makeMounted: async () => {
      await pool.make('customer')
      await files.writeAtomic(`${pool.at('customer')}/customer.txt`, 'customer\n')
      const customer = await pool.volumeAtPath('customer')
      if (customer === null) throw new Error('the volume was not made')
      pool.selfMounting.add(customer.guid)
      await pool.mount(customer, '/customer')
      return { volume: customer, directory: '/customer', unmount: () => pool.unmount('/customer') }
    },
    makeForeign: async (kind, name) => {
      const path = kind === 'state' ? 'state' : `${kind}/${name}`
      await pool.make(path)
      await files.writeAtomic(`${pool.at(path)}/precious`, 'precious')
      return `${pool.at(path)}/precious`
    },
    makeNested: (directory) => pool.make(pool.pathOf(directory)),
    hold: ({ guid }) => {
      pool.busy.add(guid)
      return Promise.resolve({
        letGo: () => {
          pool.busy.delete(guid)
          return Promise.resolve()
        },
      })
    },
    purge: (directory) => {
      files.removeTree(directory)
      return Promise.resolve()
    },
    release: () => Promise.resolve(),
  }
}

describeDriver('MemoryDriver', () => prepare(true))
describeAdoptingDriver('MemoryDriver', () => prepare(true))
describeRefusingDriver('MemoryDriver', () => prepare(false))
