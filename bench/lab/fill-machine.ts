// Runs in a machine with its root on OpenZFS, bundled and beside belay's own files: generations until there are so many. Arguments: how many, volumes of each.
import { execFileSync } from 'node:child_process'
import { parseSnapshots } from '../../src/snap/zfs/dataset-list.ts'
import { markProperty } from '../../src/snap/zfs/mark.ts'
import { type TakeAll, takeManyGenerations } from './many-generations.ts'

const ZFS = '/usr/sbin/zfs'

/** The calls that the driver makes for each, and one look at all of them at the end: on an emulated processor a thousand looks take hours. */
const takeByZfs: TakeAll = (driver, names, sources) => {
  const members = sources.map(({ role, mountpoint }) => ({ role, mountpoint, at: '' }))
  for (const name of names) {
    const [mark] = Object.entries(markProperty({ format: 1, kind: 'generation', name, pool: driver.pool, made: true, members }))
    if (mark === undefined) throw new Error('a mark is one property')
    execFileSync(ZFS, ['snapshot', '-o', mark.join('='), ...sources.map(({ volume }) => `${volume.locator}@${name}`)])
  }
  const columns = ['name', 'guid', 'createtxg', 'defer_destroy'].join(',')
  const listed = parseSnapshots(execFileSync(ZFS, ['list', '-H', '-p', '-t', 'snapshot', '-o', columns], { encoding: 'utf8', maxBuffer: 2 ** 26 }))
  const guids = new Map(listed.map(({ name, guid }) => [name, guid]))
  const membersOf = (name: string) =>
    sources.map(({ role, mountpoint, volume }) => {
      const locator = `${volume.locator}@${name}`
      return { role, mountpoint, volume: { pool: driver.pool, guid: guids.get(locator) ?? '', locator } }
    })
  return Promise.resolve(names.map(membersOf))
}

const [count, volumes] = process.argv.slice(2).map(Number)
if (count === undefined || volumes === undefined) throw new Error('how many generations, of how many volumes?')
await takeManyGenerations('/', { count, volumes, standbys: false }, takeByZfs)
