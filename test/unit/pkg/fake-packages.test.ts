import { CATALOGUE } from '../../contract/packages-catalogue.ts'
import { describePackagesContract, SUITE_SOURCES, suiteSources } from '../../contract/packages-contract.ts'
import { FakePackages } from '../../fakes/fake-packages.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

const ROOT = '/target'
const HOLDER = 4711

describePackagesContract('the fake', async ({ installed, policy }) => {
  const files = new MemoryFiles()
  const packages = new FakePackages({ files, root: ROOT, archive: CATALOGUE, ...(policy === undefined ? {} : { policy }) })
  await packages.install(installed)
  await files.makeDirectory(`${ROOT}/etc/apt`)
  await files.writeAtomic(`${ROOT}${SUITE_SOURCES}`, suiteSources('http://127.0.0.1:1/'))
  const read = async (path: string): Promise<string | null> => ((await files.stat(path)) === null ? null : files.readText(path))
  return {
    packages,
    read: (path) => read(`${ROOT}${path}`),
    write: (path, text) => files.writeAtomic(`${ROOT}${path}`, text),
    remove: (path) => files.remove(`${ROOT}${path}`),
    outside: { directory: '/outside', read },
    withdraw: (name, version) => {
      packages.withdraw(name, version)
      return Promise.resolve()
    },
    disconnect: () => {
      packages.online = false
      return Promise.resolve()
    },
    interruptDpkg: () => packages.interrupt(),
    holdLock: () => {
      packages.lockHolder = HOLDER
      return Promise.resolve(HOLDER)
    },
    release: () => Promise.resolve(),
  }
})
