import { BugError } from '../../errors.ts'
import type { Source } from '../driver.ts'
import type { Member, Volume } from '../model.ts'
import type { BeName, DataName } from '../names.ts'
import { pathInside } from '../path-inside.ts'
import { configName } from './carving.ts'
import type { Datasets } from './datasets.ts'
import { carriedByClone } from './carried-properties.ts'
import { datasetPart } from './layout.ts'
import { type Mark, markProperty } from './mark.ts'
import type { WorkMounts } from './work-mounts.ts'
import type { ZfsPools } from './zfs-pools.ts'

/** Makes boot environments and data volumes as clones of snapshots, or of what is live. */
export class Cloning {
  readonly #pools: ZfsPools
  readonly #datasets: Datasets
  readonly #mounts: WorkMounts

  constructor(pools: ZfsPools, datasets: Datasets, mounts: WorkMounts) {
    this.#pools = pools
    this.#datasets = datasets
    this.#mounts = mounts
  }

  async cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources
      .filter((source) => source.role !== 'data')
      .toSorted((a, b) => a.mountpoint.length - b.mountpoint.length)
      .map((source, position) => ({ source, at: source.role === 'root' ? '' : configName(position) }))
    const [root, ...config] = members
    if (root?.source.role !== 'root') throw new BugError('a boot environment needs a root')
    this.#pools.forget()
    const located = await Promise.all(members.map(({ source }) => this.#pools.locate(source.volume)))
    const [rootSource] = located
    if (rootSource === undefined) throw new BugError('a boot environment needs a root')
    const content = await this.#mounts.alone(rootSource)
    for (const { source } of config) await pathInside(this.#pools.files, content, source.mountpoint)
    return this.#datasets.make('be', name, async (dataset) => {
      const origins = await this.#datasets.origins(
        name,
        located.map((found) => found.name),
      )
      const promised = members.map(({ source: { role, mountpoint }, at }) => ({ role, mountpoint, at }))
      const mark = this.#datasets.mark('be', name, promised)
      await this.#cloneInto(dataset, origins[0], '/', mark)
      const whole = await this.#mounts.whole(await this.#pools.made(dataset))
      for (const [position, { source, at }] of config.entries()) {
        await this.#pools.files.makeDirectory(await pathInside(this.#pools.files, whole, source.mountpoint), 0o755)
        await this.#cloneInto(`${dataset}/${at}`, origins[position + 1], source.mountpoint, this.#datasets.mark('config', name, [], true))
        await this.#mounts.placeEverywhere(await this.#pools.made(dataset), { role: 'config', mountpoint: source.mountpoint, at })
      }
      await this.#datasets.dropOrigins(name)
      await this.#datasets.write(dataset, { ...mark, made: true })
      const made: Member[] = []
      for (const { source, at } of members) {
        const volume = this.#pools.volume(await this.#pools.made(at === '' ? dataset : `${dataset}/${at}`))
        made.push({ role: source.role, mountpoint: source.mountpoint, volume })
      }
      return made
    })
  }

  async cloneData(name: DataName, from: Volume): Promise<Volume> {
    this.#pools.forget()
    const source = await this.#pools.locate(from)
    // A clone cannot leave the pool of its origin.
    const layout = this.#pools.layoutAround(source.name)
    const clone = async (dataset: string): Promise<Volume> => {
      const [origin] = await this.#datasets.origins(name, [source.name])
      await this.#pools.makeContainers(layout.top, layout.data)
      const mark = this.#datasets.mark('data', name, [])
      await this.#cloneInto(dataset, origin, 'legacy', mark)
      await this.#datasets.dropOrigins(name)
      await this.#datasets.write(dataset, { ...mark, made: true })
      return this.#pools.volume(await this.#pools.made(dataset))
    }
    return this.#datasets.make('data', name, clone, layout)
  }

  async #cloneInto(dataset: string, origin: string | undefined, mountpoint: string, mark: Mark): Promise<void> {
    if (origin === undefined) throw new BugError(`there is nothing to clone ${dataset} from`)
    const carried = carriedByClone(await this.#pools.commands.ownProperties(datasetPart(origin)))
    await this.#pools.commands.clone(origin, dataset, { ...carried, canmount: 'noauto', mountpoint, ...markProperty(mark) })
    this.#pools.forget()
  }
}
