import { BugError, RefusedError } from '../../errors.ts'
import type { RootFilesystem } from '../../boot/kernel-arguments.ts'
import { mountAt } from '../../sys/mount-table.ts'
import { bindDataInFstab } from '../bind-data.ts'
import type { DataAdoption, Driver, OwnObject, PoolFeatures, PoolSpace, Source } from '../driver.ts'
import type { BootEnvironment, DataUse, Generation, Member, Volume } from '../model.ts'
import type { BeName, DataName, GenerationName } from '../names.ts'
import { pathInside } from '../path-inside.ts'
import { Adoption } from './adoption.ts'
import { Carving, configName } from './carving.ts'
import { Datasets } from './datasets.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import { Generations } from './generations.ts'
import { datasetOf } from './layout.ts'
import { mountOptions } from './mount-options.ts'
import { MARK_PROPERTY, type Mark } from './mark.ts'
import { WorkMounts, workPlace } from './work-mounts.ts'
import { ZfsPools, type ZfsPoolsOptions } from './zfs-pools.ts'

/** The ZFS driver: generations are snapshots taken in one call, boot environments clones with their config as children. */
export class ZfsDriver implements Driver {
  readonly kind = 'zfs'
  readonly atomicSets = true
  readonly pool: string
  readonly #pools: ZfsPools
  readonly #mounts: WorkMounts
  readonly #datasets: Datasets
  readonly #generations: Generations
  readonly #carving: Carving
  readonly #adoption: Adoption

  constructor(options: ZfsPoolsOptions) {
    this.pool = options.pool
    this.#pools = new ZfsPools(options)
    this.#mounts = new WorkMounts(this.#pools)
    this.#datasets = new Datasets(this.#pools, this.#mounts)
    this.#generations = new Generations(this.#pools, this.#mounts, this.#datasets)
    this.#carving = new Carving(this.#pools, this.#datasets, this.#mounts)
    this.#adoption = new Adoption(this.#pools, this.#datasets)
  }

  async survey(): Promise<readonly OwnObject[]> {
    return [...(await this.#generations.survey()), ...(await this.#datasets.survey())]
  }

  async checkAdoption(root: Volume, config: readonly string[]): Promise<void> {
    const { name } = await this.#pools.locate(root)
    if (!name.includes('/')) {
      throw new RefusedError('layout/top-level', `the root filesystem is the top dataset of ${name}: a clone could only lie inside it`, {
        next: ['install the system into a dataset of its own, as the OpenZFS guide does (rpool/ROOT/debian), then run belay init again'],
      })
    }
    if ((await this.#pools.commands.property(name, 'canmount')) === 'on') {
      throw new RefusedError('layout/canmount', `${name} is mounted at / whichever version was started: canmount is on`, {
        next: [`zfs set canmount=noauto ${name}`],
        data: { dataset: name },
      })
    }
    // scripts/zfs of zfs-initramfs 2.1 and 2.3 hands mount points to mount(8) without quotes.
    const blank = config.find((path) => /\s/.test(path))
    if (blank !== undefined)
      throw new RefusedError('layout/config-path', `${JSON.stringify(blank)} cannot be configuration on ZFS: Debian's initramfs mounts no path with a blank`)
  }

  async volumeAt(directory: string): Promise<Volume | null> {
    const mount = mountAt(await this.#pools.mounts(), directory)
    if (mount === null) return null
    const known = [...(await this.#pools.filesystems()), ...(await this.#pools.snapshots())].find(({ name }) => name === mount.source)
    const found = known ?? (await this.#pools.lookAt(mount.source))?.filesystem
    return found === undefined ? null : this.#pools.volume(found)
  }

  async space(): Promise<PoolSpace> {
    const { available, used } = await this.#pools.commands.space(this.#pools.name)
    return { free: available, total: available + used }
  }

  async poolFeatures(): Promise<PoolFeatures> {
    const features = (await Promise.all((await this.#pools.names()).map((pool) => this.#pools.commands.features(pool)))).flat()
    const of = (state: string): string[] => [...new Set(features.filter((feature) => feature.state === state).map(({ name }) => name))]
    return { active: of('active'), disabled: of('disabled') }
  }

  async holdBack(bytes: number): Promise<void> {
    const { reserve } = this.#pools.layout
    this.#pools.forget()
    if ((await this.#pools.filesystem(reserve)) === null) {
      if (bytes === 0) return
      const mark = this.#datasets.mark('reserve', 'reserve', [], true)
      await this.#pools.commands.create(reserve, { canmount: 'off', mountpoint: 'none', [MARK_PROPERTY]: JSON.stringify(mark), refreservation: String(bytes) })
    } else if ((await this.#pools.markOf(reserve))?.kind === 'reserve') {
      await this.#pools.commands.set(reserve, 'refreservation', bytes === 0 ? 'none' : String(bytes))
    } else await this.#datasets.refuseOccupied(reserve)
    this.#pools.forget()
  }

  async heldBack(): Promise<number> {
    const { reserve } = this.#pools.layout
    return (await this.#pools.markOf(reserve))?.kind === 'reserve' ? Number(await this.#pools.commands.property(reserve, 'refreservation')) : 0
  }

  takeGeneration(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]> {
    return this.#generations.take(name, sources)
  }

  destroyGeneration(name: GenerationName): Promise<void> {
    return this.#generations.destroy(name)
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
      const whole = await this.#mounts.whole(await this.#listed(dataset))
      for (const [position, { source, at }] of config.entries()) {
        await this.#pools.files.makeDirectory(await pathInside(this.#pools.files, whole, source.mountpoint), 0o755)
        await this.#cloneInto(`${dataset}/${at}`, origins[position + 1], source.mountpoint, this.#datasets.mark('config', name, [], true))
        await this.#mounts.placeEverywhere(await this.#listed(dataset), { role: 'config', mountpoint: source.mountpoint, at })
      }
      await this.#datasets.dropOrigins(name)
      await this.#datasets.write(dataset, { ...mark, made: true })
      const made: Member[] = []
      for (const { source, at } of members) {
        const volume = this.#pools.volume(await this.#listed(at === '' ? dataset : `${dataset}/${at}`))
        made.push({ role: source.role, mountpoint: source.mountpoint, volume })
      }
      return made
    })
  }

  async checkDestroy({ kind, name }: Pick<OwnObject, 'kind' | 'name'>): Promise<void> {
    if (kind === 'generation') await this.#generations.checkDestroy(name as GenerationName)
    else await this.#datasets.checkDestroy(kind, name as BeName | DataName)
  }

  destroyBe(name: BeName): Promise<void> {
    return this.#datasets.destroy('be', name)
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
      return this.#pools.volume(await this.#listed(dataset))
    }
    return this.#datasets.make('data', name, clone, layout)
  }

  checkDataAdoption(volume: Volume): Promise<DataAdoption> {
    return this.#adoption.check(volume)
  }

  adoptData(name: DataName, volume: Volume): Promise<Volume> {
    return this.#adoption.adopt(name, volume)
  }

  unadoptData(name: DataName): Promise<void> {
    return this.#adoption.undo(name)
  }

  mountDataByFstab(name: DataName): Promise<void> {
    return this.#adoption.mountByFstab(name)
  }

  absentPools(): Promise<readonly string[]> {
    return this.#pools.absent()
  }

  carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume> {
    return this.#carving.carveData(name, be, mountpoint)
  }

  destroyData(name: DataName): Promise<void> {
    return this.#datasets.destroy('data', name)
  }

  carveConfig(be: BeName, mountpoint: string): Promise<Member> {
    return this.#carving.carveConfig(be, mountpoint)
  }

  uncarveConfig(be: BeName, mountpoint: string): Promise<void> {
    return this.#carving.uncarveConfig(be, mountpoint)
  }

  async nestedIn(volume: Volume): Promise<readonly { readonly path: string; readonly volume: Volume }[]> {
    this.#pools.forget()
    const outer = (await this.#pools.filesystems()).find(({ guid }) => guid === volume.guid)
    if (outer === undefined) return []
    const own = new Set((await this.#pools.markOf(outer.name))?.members.map(({ at }) => `${outer.name}/${at}`))
    const base = outer.mountpoint === '/' ? '' : outer.mountpoint
    return (await this.#pools.filesystemsAt(outer.name)).flatMap((inner) =>
      inner.name !== outer.name && !own.has(inner.name) && inner.mountpoint.startsWith(`${base}/`)
        ? [{ path: inner.mountpoint.slice(base.length), volume: this.#pools.volume(inner) }]
        : [],
    )
  }

  async beRootDirectory(be: BeName): Promise<string> {
    return this.#mounts.whole(await this.#listed(datasetOf(this.#pools.layout, 'be', be)))
  }

  async bindData(be: BeName, uses: readonly (DataUse & { readonly volume: Volume })[]): Promise<void> {
    const root = await this.beRootDirectory(be)
    const filesystems = await this.#pools.filesystems()
    await bindDataInFstab(this.#pools.files, root, { state: await this.stateVolume(), uses }, (volume) => {
      const found = filesystems.find(({ guid }) => guid === volume.guid)
      return { device: found?.name ?? volume.locator, type: 'zfs', options: mountOptions(found ?? { name: volume.locator }, this.#pools.name) }
    })
  }

  async membersOf(record: Generation | BootEnvironment): Promise<readonly Member[]> {
    const found = await Promise.all(record.members.map(async (member) => ({ member, dataset: await this.#pools.find(member.volume) })))
    return found.flatMap(({ member, dataset }) => (dataset === null ? [] : [{ ...member, volume: this.#pools.volume(dataset) }]))
  }

  async directoryOf(volume: Volume): Promise<string> {
    return this.#mounts.whole(await this.#pools.locate(volume))
  }

  bootRoot(root: Volume): RootFilesystem {
    return { driver: 'zfs', dataset: root.locator, hostid: this.#pools.hostid }
  }

  async exists(volume: Volume): Promise<boolean> {
    return (await this.#pools.find(volume)) !== null
  }

  async stateDirectory(): Promise<string | null> {
    const state = await this.#state()
    return state === null ? null : this.#mounts.alone(state)
  }

  plannedStateDirectory(): Promise<string> {
    return Promise.resolve(workPlace(this.#pools.workDirectory, 'alone', this.#pools.layout.state))
  }

  async createState(): Promise<string> {
    const existing = await this.stateDirectory()
    if (existing !== null) return existing
    const { top, state } = this.#pools.layout
    await this.#datasets.refuseOccupied(state)
    await this.#pools.makeContainers(top)
    const mark = this.#datasets.mark('state', 'state', [], true)
    await this.#pools.commands.create(state, { mountpoint: 'legacy', [MARK_PROPERTY]: JSON.stringify(mark) })
    const directory = await this.#mounts.alone(await this.#listed(state))
    await this.#pools.commands.makePrivate(directory)
    return directory
  }

  async stateVolume(): Promise<Volume | null> {
    const state = await this.#state()
    return state === null ? null : this.#pools.volume(state)
  }

  async close(): Promise<void> {
    await this.#mounts.close()
  }

  async #state(): Promise<ZfsFilesystem | null> {
    const { state } = this.#pools.layout
    return (await this.#pools.markOf(state))?.kind === 'state' ? this.#pools.filesystem(state) : null
  }

  async #cloneInto(dataset: string, origin: string | undefined, mountpoint: string, mark: Mark): Promise<void> {
    if (origin === undefined) throw new BugError(`there is nothing to clone ${dataset} from`)
    await this.#pools.commands.clone(origin, dataset, { canmount: 'noauto', mountpoint, [MARK_PROPERTY]: JSON.stringify(mark) })
    this.#pools.forget()
  }

  async #listed(dataset: string): Promise<ZfsFilesystem> {
    this.#pools.forget()
    const found = await this.#pools.filesystem(dataset)
    if (found === null) throw new BugError(`${dataset} was made but is not listed`)
    return found
  }
}
