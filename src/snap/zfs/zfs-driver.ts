import { BugError, RefusedError } from '../../errors.ts'
import type { RootFilesystem } from '../../boot/kernel-arguments.ts'
import { mountAt } from '../../sys/mount-table.ts'
import { bindDataInFstab } from '../bind-data.ts'
import type { Driver, OwnObject, PoolFeatures, PoolSpace, Source } from '../driver.ts'
import type { BootEnvironment, DataUse, Generation, Member, Volume } from '../model.ts'
import type { BeName, DataName, GenerationName } from '../names.ts'
import { pathInside } from '../path-inside.ts'
import { Carving, configName } from './carving.ts'
import { Datasets } from './datasets.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import { datasetOf, isGenerationName, snapshotPart } from './layout.ts'
import { MARK_PROPERTY, type Mark } from './mark.ts'
import { WorkMounts, workPlace } from './work-mounts.ts'
import { ZfsPool, type ZfsPoolOptions } from './zfs-pool.ts'

/** The ZFS driver: generations are snapshots taken in one call, boot environments clones with their config as children. */
export class ZfsDriver implements Driver {
  readonly kind = 'zfs'
  readonly atomicSets = true
  readonly pool: string
  readonly #pool: ZfsPool
  readonly #mounts: WorkMounts
  readonly #datasets: Datasets
  readonly #carving: Carving

  constructor(options: ZfsPoolOptions) {
    this.pool = options.pool
    this.#pool = new ZfsPool(options)
    this.#mounts = new WorkMounts(this.#pool)
    this.#datasets = new Datasets(this.#pool, this.#mounts)
    this.#carving = new Carving(this.#pool, this.#datasets, this.#mounts)
  }

  survey(): Promise<readonly OwnObject[]> {
    return this.#datasets.survey()
  }

  async checkAdoption(root: Volume, config: readonly string[]): Promise<void> {
    const { name } = await this.#pool.locate(root)
    if (!name.includes('/')) {
      throw new RefusedError('layout/top-level', `the root filesystem is the top dataset of ${name}: a clone could only lie inside it`, {
        next: ['install the system into a dataset of its own, as the OpenZFS guide does (rpool/ROOT/debian), then run belay init again'],
      })
    }
    if ((await this.#pool.commands.property(name, 'canmount')) === 'on') {
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
    const mount = mountAt(await this.#pool.mounts(), directory)
    if (mount === null) return null
    const found = [...(await this.#pool.filesystems()), ...(await this.#pool.snapshots())].find(({ name }) => name === mount.source)
    return found === undefined ? null : this.#pool.volume(found)
  }

  async space(): Promise<PoolSpace> {
    const { available, used } = await this.#pool.commands.space(this.#pool.name)
    return { free: available, total: available + used }
  }

  async poolFeatures(): Promise<PoolFeatures> {
    const features = await this.#pool.commands.features(this.#pool.name)
    const of = (state: string): string[] => features.filter((feature) => feature.state === state).map(({ name }) => name)
    return { active: of('active'), disabled: of('disabled') }
  }

  async holdBack(bytes: number): Promise<void> {
    const { reserve } = this.#pool.layout
    this.#pool.forget()
    if ((await this.#pool.filesystem(reserve)) === null) {
      if (bytes === 0) return
      const mark = this.#datasets.mark('reserve', 'reserve', [], true)
      await this.#pool.commands.create(reserve, { canmount: 'off', mountpoint: 'none', [MARK_PROPERTY]: JSON.stringify(mark), refreservation: String(bytes) })
    } else if ((await this.#pool.markOf(reserve))?.kind === 'reserve') {
      await this.#pool.commands.set(reserve, 'refreservation', bytes === 0 ? 'none' : String(bytes))
    } else await this.#datasets.refuseOccupied(reserve)
    this.#pool.forget()
  }

  async heldBack(): Promise<number> {
    const { reserve } = this.#pool.layout
    return (await this.#pool.markOf(reserve))?.kind === 'reserve' ? Number(await this.#pool.commands.property(reserve, 'refreservation')) : 0
  }

  async takeGeneration(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]> {
    if (!isGenerationName(name)) throw new BugError(`a generation cannot be called ${String(name)}`)
    this.#pool.forget()
    const located = await Promise.all(sources.map(async (source) => ({ source, dataset: (await this.#pool.locate(source.volume)).name })))
    const occupied = (await this.#pool.snapshots()).find((snapshot) => snapshotPart(snapshot.name) === name)
    if (occupied !== undefined)
      throw new RefusedError('name-occupied', `${occupied.name} exists already`, { next: ['belay doctor'], data: { path: occupied.name } })
    const members = sources.map(({ role, mountpoint }) => ({ role, mountpoint, at: '' }))
    await this.#pool.commands.snapshot(
      located.map(({ dataset }) => `${dataset}@${name}`),
      { [MARK_PROPERTY]: JSON.stringify(this.#datasets.mark('generation', name, members, true)) },
    )
    this.#pool.forget()
    const snapshots = await this.#pool.snapshots()
    return located.map(({ source: { role, mountpoint }, dataset }) => {
      const taken = snapshots.find((snapshot) => snapshot.name === `${dataset}@${name}`)
      if (taken === undefined) throw new BugError(`${dataset}@${name} was made but is not listed`)
      return { role, mountpoint, volume: this.#pool.volume(taken) }
    })
  }

  destroyGeneration(name: GenerationName): Promise<void> {
    return this.#datasets.destroyGeneration(name)
  }

  async cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources
      .filter((source) => source.role !== 'data')
      .toSorted((a, b) => a.mountpoint.length - b.mountpoint.length)
      .map((source, position) => ({ source, at: source.role === 'root' ? '' : configName(position) }))
    const [root, ...config] = members
    if (root?.source.role !== 'root') throw new BugError('a boot environment needs a root')
    this.#pool.forget()
    const located = await Promise.all(members.map(({ source }) => this.#pool.locate(source.volume)))
    const [rootSource] = located
    if (rootSource === undefined) throw new BugError('a boot environment needs a root')
    const content = await this.#mounts.alone(rootSource)
    for (const { source } of config) await pathInside(this.#pool.files, content, source.mountpoint)
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
        await this.#pool.files.makeDirectory(await pathInside(this.#pool.files, whole, source.mountpoint), 0o755)
        await this.#cloneInto(`${dataset}/${at}`, origins[position + 1], source.mountpoint, this.#datasets.mark('config', name, [], true))
        await this.#mounts.placeEverywhere(await this.#listed(dataset), { role: 'config', mountpoint: source.mountpoint, at })
      }
      await this.#datasets.dropOrigins(name)
      await this.#datasets.write(dataset, { ...mark, made: true })
      const made: Member[] = []
      for (const { source, at } of members) {
        const volume = this.#pool.volume(await this.#listed(at === '' ? dataset : `${dataset}/${at}`))
        made.push({ role: source.role, mountpoint: source.mountpoint, volume })
      }
      return made
    })
  }

  async checkDestroy({ kind, name }: Pick<OwnObject, 'kind' | 'name'>): Promise<void> {
    if (kind === 'generation') await this.#datasets.findGeneration(name as GenerationName)
    else await this.#datasets.checkDestroy(kind, name as BeName | DataName)
  }

  destroyBe(name: BeName): Promise<void> {
    return this.#datasets.destroy('be', name)
  }

  async cloneData(name: DataName, from: Volume): Promise<Volume> {
    this.#pool.forget()
    const source = await this.#pool.locate(from)
    return this.#datasets.make('data', name, async (dataset) => {
      const [origin] = await this.#datasets.origins(name, [source.name])
      await this.#pool.makeContainers(this.#pool.layout.top, this.#pool.layout.data)
      const mark = this.#datasets.mark('data', name, [])
      await this.#cloneInto(dataset, origin, 'legacy', mark)
      await this.#datasets.dropOrigins(name)
      await this.#datasets.write(dataset, { ...mark, made: true })
      return this.#pool.volume(await this.#listed(dataset))
    })
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
    this.#pool.forget()
    const outer = (await this.#pool.filesystems()).find(({ guid }) => guid === volume.guid)
    if (outer === undefined) return []
    const own = new Set((await this.#pool.markOf(outer.name))?.members.map(({ at }) => `${outer.name}/${at}`))
    const base = outer.mountpoint === '/' ? '' : outer.mountpoint
    return (await this.#pool.filesystemsAt(outer.name)).flatMap((inner) =>
      inner.name !== outer.name && !own.has(inner.name) && inner.mountpoint.startsWith(`${base}/`)
        ? [{ path: inner.mountpoint.slice(base.length), volume: this.#pool.volume(inner) }]
        : [],
    )
  }

  async beRootDirectory(be: BeName): Promise<string> {
    return this.#mounts.whole(await this.#listed(datasetOf(this.#pool.layout, 'be', be)))
  }

  async bindData(be: BeName, uses: readonly (DataUse & { readonly volume: Volume })[]): Promise<void> {
    const root = await this.beRootDirectory(be)
    await bindDataInFstab(this.#pool.files, root, { state: await this.stateVolume(), uses }, ({ locator }) => ({
      device: locator,
      type: 'zfs',
      options: 'nofail',
    }))
  }

  async membersOf(record: Generation | BootEnvironment): Promise<readonly Member[]> {
    const found = await Promise.all(record.members.map(async (member) => ({ member, dataset: await this.#pool.find(member.volume) })))
    return found.flatMap(({ member, dataset }) => (dataset === null ? [] : [{ ...member, volume: this.#pool.volume(dataset) }]))
  }

  async directoryOf(volume: Volume): Promise<string> {
    return this.#mounts.whole(await this.#pool.locate(volume))
  }

  bootRoot(root: Volume): RootFilesystem {
    return { driver: 'zfs', dataset: root.locator, hostid: this.#pool.hostid }
  }

  async exists(volume: Volume): Promise<boolean> {
    return (await this.#pool.find(volume)) !== null
  }

  async stateDirectory(): Promise<string | null> {
    const state = await this.#state()
    return state === null ? null : this.#mounts.alone(state)
  }

  plannedStateDirectory(): Promise<string> {
    return Promise.resolve(workPlace(this.#pool.workDirectory, 'alone', this.#pool.layout.state))
  }

  async createState(): Promise<string> {
    const existing = await this.stateDirectory()
    if (existing !== null) return existing
    const { top, state } = this.#pool.layout
    await this.#datasets.refuseOccupied(state)
    await this.#pool.makeContainers(top)
    const mark = this.#datasets.mark('state', 'state', [], true)
    await this.#pool.commands.create(state, { mountpoint: 'legacy', [MARK_PROPERTY]: JSON.stringify(mark) })
    const directory = await this.#mounts.alone(await this.#listed(state))
    await this.#pool.commands.makePrivate(directory)
    return directory
  }

  async stateVolume(): Promise<Volume | null> {
    const state = await this.#state()
    return state === null ? null : this.#pool.volume(state)
  }

  async close(): Promise<void> {
    await this.#mounts.close()
  }

  async #state(): Promise<ZfsFilesystem | null> {
    const { state } = this.#pool.layout
    return (await this.#pool.markOf(state))?.kind === 'state' ? this.#pool.filesystem(state) : null
  }

  async #cloneInto(dataset: string, origin: string | undefined, mountpoint: string, mark: Mark): Promise<void> {
    if (origin === undefined) throw new BugError(`there is nothing to clone ${dataset} from`)
    await this.#pool.commands.clone(origin, dataset, { canmount: 'noauto', mountpoint, [MARK_PROPERTY]: JSON.stringify(mark) })
    this.#pool.forget()
  }

  async #listed(dataset: string): Promise<ZfsFilesystem> {
    this.#pool.forget()
    const found = await this.#pool.filesystem(dataset)
    if (found === null) throw new BugError(`${dataset} was made but is not listed`)
    return found
  }
}
