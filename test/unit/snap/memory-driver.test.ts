import { describeDriver } from '../../contract/driver-contract.ts'
import { fillInstalledRoot } from '../../contract/driver/driver-under-test.ts'
import { MemoryDriver } from '../../fakes/memory-driver.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { MemoryPool } from '../../fakes/memory-pool.ts'

describeDriver('MemoryDriver', async () => {
  const files = new MemoryFiles()
  const pool = new MemoryPool(files)
  await pool.make('installed')
  const volume = await pool.volumeAtPath('installed')
  if (volume === null) throw new Error('the installed root was not made')
  await fillInstalledRoot(files, pool.at('installed'), '/outside')
  await pool.mount(volume, '/installed')
  let mounts = 0
  return {
    driver: new MemoryDriver(pool),
    files,
    installed: { volume, directory: '/installed' },
    reopen: () => {
      pool.life.renew()
      return Promise.resolve(new MemoryDriver(pool))
    },
    mortal: (changes) => {
      pool.life.endAfter(changes)
      return Promise.resolve(new MemoryDriver(pool))
    },
    mount: async (mounted) => {
      mounts += 1
      const directory = `/mnt/${String(mounts)}`
      await pool.mount(mounted, directory)
      return { directory, unmount: () => pool.unmount(directory) }
    },
    makeForeign: async (kind, name) => {
      const path = kind === 'state' ? 'state' : `${kind}/${name}`
      await pool.make(path)
      await files.writeAtomic(`${pool.at(path)}/precious`, 'precious')
      return `${pool.at(path)}/precious`
    },
    makeNested: (directory) => pool.make(pool.pathOf(directory)),
    purge: (directory) => {
      files.removeTree(directory)
      return Promise.resolve()
    },
    release: () => Promise.resolve(),
  }
})
