import { BugError, NotFoundError, RefusedError } from '../../src/errors.ts'
import type { RootFilesystem } from '../../src/boot/kernel-arguments.ts'
import type { DataAdoption, Driver, NestedVolume, OwnObject, PoolFeatures, PoolSpace, Source } from '../../src/snap/driver.ts'
import { bindFstab } from '../../src/snap/fstab.ts'
import type { BootEnvironment, DataUse, Generation, Member, Volume } from '../../src/snap/model.ts'
import type { BeName, DataName, GenerationName } from '../../src/snap/names.ts'
import { pathInside } from '../../src/snap/path-inside.ts'
import type { MemoryPool } from './memory-pool.ts'

type Kind = OwnObject['kind']
type Name = OwnObject['name']

const KINDS: readonly Kind[] = ['generation', 'be', 'data']
const NAME: Record<Kind, RegExp> = { generation: /^gen-\d{6}$/, be: /^be-\d{6}$/, data: /^data-\d{6}$/ }
const STATE = 'state'
/** The root of the running system is shown here. */
const TARGET = '/target'

const isBelow = (path: string, parent: string): boolean => path.startsWith(`${parent}/`)
const deepFirst = (a: string, b: string): number => b.split('/').length - a.split('/').length

/** A driver over MemoryFiles with the observable rules of the real ones. Marks are properties of the pool, as in ZFS. */
export class MemoryDriver implements Driver {
  readonly kind = 'btrfs'
  readonly atomicSets: boolean
  readonly pool: string
  readonly #pool: MemoryPool
  readonly #adoptsData: boolean

  /** @param options what ZFS can and btrfs cannot */
  constructor(pool: MemoryPool, options: { readonly atomicSets?: boolean; readonly adoptsData?: boolean } = {}) {
    this.#pool = pool
    this.pool = pool.id
    this.atomicSets = options.atomicSets ?? false
    this.#adoptsData = options.adoptsData ?? false
  }

  /** Start a boot environment, as the firmware would: its root is what /target shows from now on. */
  async boot(be: BeName): Promise<void> {
    const volume = await this.#pool.volumeAtPath(`be/${be}/root`)
    if (volume === null) throw new NotFoundError(`${be} has no root that could be started`)
    await this.#pool.mount(volume, TARGET)
  }

  async survey(): Promise<readonly OwnObject[]> {
    const volumes = await this.#pool.volumes()
    const objects: OwnObject[] = []
    for (const kind of KINDS) {
      for (const name of await this.#names(kind)) {
        const mark = this.#pool.marks.get(`${kind}/${name}`)
        const complete = mark?.paths.every((path) => volumes.some((volume) => volume.locator === path)) ?? false
        objects.push({ kind, name: name as Name, marked: mark !== undefined, complete })
      }
    }
    return objects
  }

  checkAdoption(): Promise<void> {
    return Promise.resolve()
  }

  volumeAt(directory: string): Promise<Volume | null> {
    return this.#pool.mountedAt(directory)
  }

  space(): Promise<PoolSpace> {
    return this.#pool.files.space(this.#pool.top)
  }

  bytesHeldBy(): Promise<number | null> {
    return Promise.resolve(null)
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  awaitFreed(): Promise<boolean> {
    return Promise.resolve(true)
  }

  poolFeatures(): Promise<PoolFeatures> {
    return Promise.resolve({ active: [], enabled: [], disabled: [] })
  }

  async holdBack(bytes: number): Promise<void> {
    const path = this.#pool.at(`${STATE}/reserve`)
    if (bytes === 0) await this.#pool.files.remove(path)
    else await this.#pool.files.preallocate(path, bytes)
  }

  async heldBack(): Promise<number> {
    return (await this.#pool.files.stat(this.#pool.at(`${STATE}/reserve`)))?.size ?? 0
  }

  takeGeneration(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources.map((source, position) => ({ source, path: `generation/${name}/${String(position)}` }))
    return this.#make('generation', name, members, async () => {
      for (const { source, path } of members) await this.#pool.snapshot((await this.#find(source.volume)).locator, path, true)
    })
  }

  async destroyGeneration(name: GenerationName): Promise<void> {
    await this.#destroy('generation', name)
  }

  holdGeneration(): Promise<void> {
    return Promise.resolve()
  }

  async cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]> {
    const root = `be/${name}/root`
    const members = sources
      .filter((source) => source.role !== 'data')
      .map((source) => ({ source, path: source.role === 'root' ? root : `${root}${source.mountpoint}` }))
      .toSorted((a, b) => a.path.length - b.path.length)
    if (members[0]?.source.role !== 'root') throw new BugError('a boot environment needs a root')
    return this.#make('be', name, members, async () => {
      for (const { source, path } of members) {
        if (source.role === 'config') this.#pool.delete((await this.#insideBe(name, source.mountpoint)).path)
        await this.#pool.snapshot((await this.#find(source.volume)).locator, path, false)
      }
    })
  }

  async checkDestroy({ kind, name }: Pick<OwnObject, 'kind' | 'name'>): Promise<void> {
    await this.#inside(kind, name)
  }

  async destroyBe(name: BeName): Promise<void> {
    await this.#destroy('be', name)
  }

  async cloneData(name: DataName, from: Volume): Promise<Volume> {
    const path = `data/${name}/volume`
    await this.#make('data', name, [{ source: { role: 'data', mountpoint: '/', volume: from }, path }], async () => {
      await this.#pool.snapshot((await this.#find(from)).locator, path, false)
    })
    return this.#volumeAtPath(path)
  }

  async carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume> {
    const path = `data/${name}/volume`
    const { directory, path: from } = await this.#insideBe(be, mountpoint)
    if ((await this.#pool.files.stat(directory))?.kind !== 'directory') throw new NotFoundError(`${mountpoint} is not a directory of ${be}`)
    await this.#refuseNested(from)
    await this.#make('data', name, [{ source: null, path }], async () => {
      await this.#pool.snapshot(from, path, false)
    })
    this.#pool.delete(from)
    await this.#pool.files.makeDirectory(directory, 0o755)
    return this.#volumeAtPath(path)
  }

  async destroyData(name: DataName): Promise<void> {
    await this.#destroy('data', name)
  }

  async checkDataAdoption(volume: Volume): Promise<DataAdoption> {
    const { locator, guid } = await this.#find(volume)
    if (!this.#adoptsData) throw new RefusedError('layout/mounted-data', `${locator} is mounted by a line of its own`)
    if ([...this.#pool.marks.values()].some(({ paths }) => paths.includes(locator))) throw new RefusedError('layout/marked', `${locator} is belay’s already`)
    return { mountsItself: this.#pool.selfMounting.has(guid), inner: [] }
  }

  async adoptData(name: DataName, volume: Volume): Promise<Volume> {
    await this.checkDataAdoption(volume)
    const found = await this.#find(volume)
    await this.#refuseOccupied('data', name)
    this.#pool.change()
    this.#pool.marks.set(`data/${name}`, { kind: 'data', paths: [found.locator] })
    return found
  }

  unadoptData(name: DataName): Promise<void> {
    this.#pool.change()
    this.#pool.marks.delete(`data/${name}`)
    return Promise.resolve()
  }

  async mountDataByFstab(name: DataName): Promise<void> {
    for (const path of this.#pool.marks.get(`data/${name}`)?.paths ?? []) {
      const volume = await this.#volumeAtPath(path)
      this.#pool.change()
      this.#pool.selfMounting.delete(volume.guid)
    }
  }

  absentPools(): Promise<readonly string[]> {
    return Promise.resolve([])
  }

  async carveConfig(be: BeName, mountpoint: string): Promise<Member> {
    const { directory, path } = await this.#insideBe(be, mountpoint)
    const key = `be/${be}` as const
    const mark = this.#pool.marks.get(key)
    if (mark === undefined) throw new RefusedError('not-ours', `${be} does not carry belay’s mark`)
    if ((await this.#pool.volumeAtPath(path)) === null) {
      await this.#refuseNested(path)
      this.#pool.change()
      this.#pool.marks.set(key, { ...mark, paths: [...mark.paths.filter((other) => other !== path), path] })
      if ((await this.#pool.files.stat(directory)) === null) await this.#pool.make(path)
      else await this.#pool.convert(path)
    }
    return { role: 'config', mountpoint, volume: await this.#volumeAtPath(path) }
  }

  async uncarveConfig(be: BeName, mountpoint: string): Promise<void> {
    const { path } = await this.#insideBe(be, mountpoint)
    const mark = this.#pool.marks.get(`be/${be}`)
    if (mark === undefined || (await this.#pool.volumeAtPath(path)) !== null) return
    this.#pool.change()
    this.#pool.marks.set(`be/${be}`, { ...mark, paths: mark.paths.filter((other) => other !== path) })
  }

  async bindData(be: BeName, uses: readonly (DataUse & { readonly volume: Volume })[]): Promise<void> {
    const { files } = this.#pool
    const root = await this.beRootDirectory(be)
    const file = await pathInside(files, root, '/etc/fstab')
    const before = (await files.stat(file)) === null ? '' : await files.readText(file)
    const state = await this.stateVolume()
    const mounts = [...(state === null ? [] : [{ mountpoint: '/var/lib/belay', volume: state }]), ...uses]
    for (const { mountpoint } of mounts) {
      const directory = await pathInside(files, root, mountpoint)
      this.#pool.change()
      await files.makeDirectory(directory, 0o755)
    }
    await files.makeDirectory(file.slice(0, file.lastIndexOf('/')), 0o755)
    this.#pool.change()
    await files.writeAtomic(
      file,
      bindFstab(
        before,
        mounts.map(({ mountpoint, volume }) => ({ device: `UUID=${this.pool}`, mountpoint, type: 'btrfs', options: `subvol=${volume.locator},nofail` })),
      ),
      0o644,
    )
  }

  async membersOf(record: Generation | BootEnvironment): Promise<readonly Member[]> {
    const volumes = await this.#pool.volumes()
    return record.members.flatMap((member) => {
      const volume = volumes.find((candidate) => candidate.guid === member.volume.guid)
      return volume === undefined ? [] : [{ ...member, volume }]
    })
  }

  async nestedIn(volume: Volume): Promise<readonly NestedVolume[]> {
    const volumes = await this.#pool.volumes()
    const outer = volumes.find((candidate) => candidate.guid === volume.guid)
    if (outer === undefined) return []
    const own = new Set([...this.#pool.marks.values()].flatMap((mark) => mark.paths))
    return volumes.flatMap((inner) =>
      isBelow(inner.locator, outer.locator) && !own.has(inner.locator)
        ? [{ path: inner.locator.slice(outer.locator.length), volume: inner, mountsItself: this.#pool.selfMounting.has(inner.guid) }]
        : [],
    )
  }

  async beRootDirectory(be: BeName): Promise<string> {
    const root = this.#pool.at(`be/${be}/root`)
    if ((await this.#pool.files.stat(root)) === null) throw new NotFoundError(`${be} has no root`)
    return root
  }

  async directoryOf(volume: Volume): Promise<string> {
    return this.#pool.at((await this.#find(volume)).locator)
  }

  bootRoot(root: Volume): RootFilesystem {
    return { driver: 'btrfs', filesystemUuid: this.pool, subvolume: root.locator }
  }

  async exists(volume: Volume): Promise<boolean> {
    return (await this.#pool.volumes()).some((candidate) => candidate.guid === volume.guid)
  }

  async stateDirectory(): Promise<string | null> {
    return (await this.stateVolume()) === null ? null : this.#pool.at(STATE)
  }

  plannedStateDirectory(): Promise<string> {
    return Promise.resolve(this.#pool.at(STATE))
  }

  async createState(): Promise<string> {
    const existing = await this.stateDirectory()
    if (existing !== null) return existing
    if ((await this.#pool.files.stat(this.#pool.at(STATE))) !== null) throw new RefusedError('name-occupied', `${STATE} exists already and is not belay’s`)
    await this.#pool.make(STATE)
    this.#pool.marks.set(STATE, { kind: 'state', paths: [STATE] })
    return this.#pool.at(STATE)
  }

  stateVolume(): Promise<Volume | null> {
    return this.#pool.marks.has(STATE) ? this.#pool.volumeAtPath(STATE) : Promise.resolve(null)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #names(kind: Kind): Promise<string[]> {
    const directory = this.#pool.at(kind)
    const there = (await this.#pool.files.stat(directory)) === null ? [] : await this.#pool.files.list(directory)
    const marked = [...this.#pool.marks.keys()].flatMap((key) => (isBelow(key, kind) ? [key.slice(kind.length + 1)] : []))
    return [...new Set([...there, ...marked])].filter((name) => NAME[kind].test(name)).toSorted()
  }

  async #find(volume: Volume): Promise<Volume> {
    const found = (await this.#pool.volumes()).find((candidate) => candidate.guid === volume.guid)
    if (found === undefined) throw new NotFoundError(`${volume.locator} (${volume.guid}) is not there any more`)
    return found
  }

  async #volumeAtPath(path: string): Promise<Volume> {
    const volume = await this.#pool.volumeAtPath(path)
    if (volume === null) throw new BugError(`${path} was made but is not there`)
    return volume
  }

  async #insideBe(be: BeName, mountpoint: string): Promise<{ readonly directory: string; readonly path: string }> {
    const directory = await pathInside(this.#pool.files, await this.beRootDirectory(be), mountpoint)
    return { directory, path: `be/${be}/root${mountpoint}` }
  }

  async #refuseNested(path: string): Promise<void> {
    const nested = (await this.#pool.volumes()).find((volume) => isBelow(volume.locator, path))
    if (nested !== undefined)
      throw new RefusedError('holds-volumes', `${nested.locator} is a volume of its own inside ${path}`, { data: { path: nested.locator } })
  }

  async #make(
    kind: Kind,
    name: Name,
    members: readonly { readonly source: Source | null; readonly path: string }[],
    fill: () => Promise<void>,
  ): Promise<readonly Member[]> {
    const container = `${kind}/${name}`
    await this.#refuseOccupied(kind, name)
    this.#pool.change()
    this.#pool.marks.set(container, { kind, paths: members.map(({ path }) => path) })
    await this.#pool.files.makeDirectory(this.#pool.at(container))
    try {
      await fill()
    } catch (error) {
      await this.#destroy(kind, name).catch(() => undefined)
      throw error
    }
    const made: Member[] = []
    for (const { source, path } of members)
      made.push({ role: source?.role ?? kind, mountpoint: source?.mountpoint ?? '/', volume: await this.#volumeAtPath(path) })
    return made
  }

  async #refuseOccupied(kind: Kind, name: Name): Promise<void> {
    const container = `${kind}/${name}`
    if ((await this.#names(kind)).includes(name)) throw new RefusedError('name-occupied', `${container} exists already`, { data: { path: container } })
  }

  /** What lies in an object, and whether there is one. @throws RefusedError as destroying it would. */
  async #inside(kind: Kind, name: Name): Promise<readonly Volume[] | null> {
    const container = `${kind}/${name}`
    const mark = this.#pool.marks.get(container)
    if (mark === undefined) {
      if ((await this.#pool.files.stat(this.#pool.at(container))) === null) return null
      throw new RefusedError('not-ours', `${container} does not carry belay’s mark; it is left alone`, { data: { path: container } })
    }
    const places = [container, ...mark.paths]
    const inside = (await this.#pool.volumes()).filter(({ locator }) => places.some((place) => locator === place || isBelow(locator, place)))
    for (const volume of inside) {
      const mountpoint = await this.#pool.mountpointOf(volume)
      if (mountpoint !== null) throw new RefusedError('in-use', `${volume.locator} is mounted at ${mountpoint}`)
      if (mark.paths.includes(volume.locator)) continue
      const empty = (await this.#pool.files.list(this.#pool.at(volume.locator))).length === 0
      if (!empty) throw new RefusedError('in-use', `${volume.locator} is not belay’s and not empty; ${name} stays`, { data: { path: volume.locator } })
    }
    return inside
  }

  async #destroy(kind: Kind, name: Name): Promise<void> {
    const container = `${kind}/${name}`
    const inside = await this.#inside(kind, name)
    if (inside === null) return
    const busy = inside.find(({ guid }) => this.#pool.busy.has(guid))
    if (busy !== undefined) throw new RefusedError('in-use', `the kernel does not let go of ${busy.locator}`)
    for (const path of inside.map((volume) => volume.locator).toSorted(deepFirst)) this.#pool.delete(path)
    this.#pool.delete(container)
    this.#pool.marks.delete(container)
  }
}
