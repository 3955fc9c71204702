import { NotFoundError, RefusedError } from '../../errors.ts'
import type { RootFilesystem } from '../../boot/kernel-arguments.ts'
import { mountAt } from '../../sys/mount-table.ts'
import { bindDataInFstab } from '../bind-data.ts'
import type { DataAdoption, Driver, NestedVolume, OwnObject, PoolFeatures, PoolSpace, Source } from '../driver.ts'
import type { BootEnvironment, DataUse, Generation, Hold, Member, Volume } from '../model.ts'
import type { BeName, DataName, GenerationName } from '../names.ts'
import { Adoption } from './adoption.ts'
import { Carving } from './carving.ts'
import { Cloning } from './cloning.ts'
import { Datasets } from './datasets.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import { Generations } from './generations.ts'
import { datasetOf } from './layout.ts'
import { mountOptions } from './mount-options.ts'
import { markProperty } from './mark.ts'
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
  readonly #cloning: Cloning
  readonly #carving: Carving
  readonly #adoption: Adoption

  constructor(options: ZfsPoolsOptions) {
    this.pool = options.pool
    this.#pools = new ZfsPools(options)
    this.#mounts = new WorkMounts(this.#pools)
    this.#datasets = new Datasets(this.#pools, this.#mounts)
    this.#generations = new Generations(this.#pools, this.#mounts, this.#datasets)
    this.#cloning = new Cloning(this.#pools, this.#datasets, this.#mounts)
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
    const place = (await this.#pools.filesystem(this.#pools.layout.top))?.name ?? this.#pools.name
    const [key, keyOfPlace] = [await this.#pools.commands.property(name, 'encryptionroot'), await this.#pools.commands.property(place, 'encryptionroot')]
    if (key !== '-' && key !== keyOfPlace) {
      throw new RefusedError('layout/encrypted', `${name} is encrypted by ${key}, and what belay takes out of it would lie in ${place}, which is not`, {
        next: [`let ${this.#pools.name} itself be encrypted, with the root inheriting its key, then run belay init again`],
        data: { dataset: name, encryptionroot: key },
      })
    }
    // scripts/zfs of zfs-initramfs 2.1 and 2.3 hands mount points to mount(8) without quotes.
    const blank = config.find((path) => /\s/.test(path))
    if (blank !== undefined)
      throw new RefusedError('layout/config-path', `${JSON.stringify(blank)} cannot be configuration on ZFS: Debian's initramfs mounts no path with a blank`)
  }

  async volumeAt(directory: string): Promise<Volume | null> {
    const mount = mountAt(await this.#pools.mounts(), directory)
    // A bind mount of a directory shows another tree than the dataset's own.
    if (mount?.root !== '/') return null
    const known = await this.#pools.named(mount.source)
    const found = known ?? (await this.#pools.lookAt(mount.source))?.filesystem
    return found === undefined ? null : this.#pools.volume(found)
  }

  async space(): Promise<PoolSpace> {
    const { available, used } = await this.#pools.commands.space(this.#pools.name)
    return { free: available, total: available + used }
  }

  async bytesHeldBy(volumes: readonly Volume[]): Promise<number | null> {
    const found = await Promise.all(volumes.map((volume) => this.#pools.find(volume)))
    return this.#pools.commands.bytesHeldBy(found.flatMap((dataset) => (dataset === null ? [] : [dataset.name])))
  }

  /** Of the pool with the versions: another one may be suspended, and would never answer. */
  flush(): Promise<void> {
    return this.#pools.commands.sync(this.#pools.name)
  }

  awaitFreed(): Promise<boolean> {
    return this.#pools.commands.awaitFrees(this.#pools.name)
  }

  async poolFeatures(): Promise<PoolFeatures> {
    const features = (await Promise.all((await this.#pools.names()).map((pool) => this.#pools.commands.features(pool)))).flat()
    const of = (state: string): string[] => [...new Set(features.filter((feature) => feature.state === state).map(({ name }) => name))]
    return { active: of('active'), enabled: of('enabled'), disabled: of('disabled') }
  }

  async holdBack(bytes: number): Promise<void> {
    const { reserve } = this.#pools.layout
    this.#pools.forget()
    if ((await this.#pools.filesystem(reserve)) === null) {
      if (bytes === 0) return
      const mark = this.#datasets.mark('reserve', 'reserve', [], true)
      await this.#pools.commands.create(reserve, { canmount: 'off', mountpoint: 'none', ...markProperty(mark), refreservation: String(bytes) })
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

  holdGeneration(name: GenerationName, hold: Hold | null): Promise<void> {
    return this.#generations.hold(name, hold)
  }

  cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]> {
    return this.#cloning.cloneBe(name, sources)
  }

  async checkDestroy({ kind, name }: Pick<OwnObject, 'kind' | 'name'>): Promise<void> {
    if (kind === 'generation') await this.#generations.checkDestroy(name as GenerationName)
    else await this.#datasets.checkDestroy(kind, name as BeName | DataName)
  }

  destroyBe(name: BeName): Promise<void> {
    return this.#datasets.destroy('be', name)
  }

  cloneData(name: DataName, from: Volume): Promise<Volume> {
    return this.#cloning.cloneData(name, from)
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

  async nestedIn(volume: Volume): Promise<readonly NestedVolume[]> {
    this.#pools.forget()
    const outer = (await this.#pools.filesystems()).find(({ guid }) => guid === volume.guid)
    if (outer === undefined) return []
    const own = new Set((await this.#pools.markOf(outer.name))?.members.map(({ at }) => `${outer.name}/${at}`))
    const base = outer.mountpoint === '/' ? '' : outer.mountpoint
    const nested: NestedVolume[] = []
    for (const inner of await this.#pools.filesystemsAt(outer.name)) {
      if (inner.name === outer.name || own.has(inner.name) || !inner.mountpoint.startsWith(`${base}/`)) continue
      const canmount = await this.#pools.commands.property(inner.name, 'canmount')
      if (canmount === 'off') continue
      // What is noauto is mounted by zfs-initramfs together with the root whose child it is.
      nested.push({ path: inner.mountpoint.slice(base.length), volume: this.#pools.volume(inner), mountsItself: canmount === 'on' })
    }
    return nested
  }

  async beRootDirectory(be: BeName): Promise<string> {
    this.#pools.forget()
    const name = datasetOf(this.#pools.layout, 'be', be)
    const root = await this.#pools.filesystem(name)
    if (root === null) throw new NotFoundError(`there is no dataset ${name}`, { next: ['belay doctor'], data: { be } })
    return this.#mounts.whole(root)
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
    await this.#pools.commands.create(state, { mountpoint: 'legacy', ...markProperty(mark) })
    const directory = await this.#mounts.alone(await this.#pools.made(state))
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
}
