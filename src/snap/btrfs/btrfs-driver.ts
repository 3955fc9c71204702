import { BugError, NotFoundError, RefusedError } from '../../errors.ts'
import type { RootFilesystem } from '../../boot/kernel-arguments.ts'
import { mountAt } from '../../sys/mount-table.ts'
import { bindDataInFstab } from '../bind-data.ts'
import type { DataAdoption, Driver, NestedVolume, OwnObject, PoolFeatures, PoolSpace, Source } from '../driver.ts'
import type { BootEnvironment, DataUse, Generation, Member, Volume } from '../model.ts'
import type { BeName, DataName, GenerationName } from '../names.ts'
import { pathInside } from '../path-inside.ts'
import { BtrfsPool, type BtrfsPoolOptions } from './btrfs-pool.ts'
import { Carving } from './carving.ts'
import { Containers } from './containers.ts'
import { STATE, TOP, containerOf, kindDirectory, memberName } from './layout.ts'
import { MARK_FILE, type Mark, readMark } from './mark.ts'

/** The btrfs driver: generations are read-only subvolumes, boot environments writable ones with their config nested at its place. */
export class BtrfsDriver implements Driver {
  readonly kind = 'btrfs'
  readonly atomicSets = false
  readonly pool: string
  readonly #pool: BtrfsPool
  readonly #containers: Containers
  readonly #carving: Carving

  constructor(options: BtrfsPoolOptions) {
    this.pool = options.pool
    this.#pool = new BtrfsPool(options)
    this.#containers = new Containers(this.#pool)
    this.#carving = new Carving(this.#pool, this.#containers)
  }

  survey(): Promise<readonly OwnObject[]> {
    return this.#containers.survey()
  }

  /** Whatever is a subvolume of its own can be cloned and booted. */
  checkAdoption(): Promise<void> {
    return Promise.resolve()
  }

  async volumeAt(directory: string): Promise<Volume | null> {
    const mount = mountAt(await this.#pool.mounts(), directory)
    if (mount === null) return null
    const subvolume = (await this.#pool.list()).find((candidate) => `/${candidate.path}` === mount.root)
    return subvolume === undefined ? null : this.#pool.volume(subvolume)
  }

  async space(): Promise<PoolSpace> {
    const { free, total } = await this.#pool.files.space(await this.#pool.top())
    return { free, total }
  }

  /** A generation and its standby share all extents: without quotas nothing says what both together hold (btrfs-filesystem(8), du). */
  bytesHeldBy(): Promise<number | null> {
    return Promise.resolve(null)
  }

  async flush(): Promise<void> {
    await this.#pool.commands.sync(await this.#pool.top())
  }

  async awaitFreed(): Promise<boolean> {
    return this.#pool.commands.awaitDeleted(await this.#pool.top())
  }

  poolFeatures(): Promise<PoolFeatures> {
    return Promise.resolve({ active: [], enabled: [], disabled: [] })
  }

  async holdBack(bytes: number): Promise<void> {
    const path = await this.#reserve()
    if (bytes === 0) await this.#pool.files.remove(path)
    else await this.#pool.files.preallocate(path, bytes)
  }

  async heldBack(): Promise<number> {
    return (await this.#pool.files.stat(await this.#reserve()))?.size ?? 0
  }

  async takeGeneration(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources.map((source, position) => ({ source, at: memberName(source.role, position) }))
    return this.#containers.make('generation', name, members, async (container) => {
      // All at once: each snapshot waits for a commit of the filesystem, and they can share one.
      const taken = await Promise.allSettled(
        members.map(async ({ source, at }) => this.#pool.commands.snapshot(await this.#pool.directoryOf(source.volume), `${container}/${at}`, true)),
      )
      for (const result of taken) if (result.status === 'rejected') throw result.reason
    })
  }

  async destroyGeneration(name: GenerationName): Promise<void> {
    await this.#containers.destroy('generation', name)
  }

  holdGeneration(): Promise<void> {
    return Promise.resolve()
  }

  async cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources
      .filter((source) => source.role !== 'data')
      .map((source) => ({ source, at: source.role === 'root' ? 'root' : `root${source.mountpoint}` }))
      .toSorted((a, b) => a.at.length - b.at.length)
    if (members[0]?.source.role !== 'root') throw new BugError('a boot environment needs a root')
    return this.#containers.make('be', name, members, async (container) => {
      for (const { source, at } of members) {
        const target = source.role === 'root' ? `${container}/${at}` : await this.#carving.clearStub(`${container}/root`, source.mountpoint)
        await this.#pool.commands.snapshot(await this.#pool.directoryOf(source.volume), target, false)
      }
    })
  }

  async checkDestroy({ kind, name }: Pick<OwnObject, 'kind' | 'name'>): Promise<void> {
    await this.#containers.checkDestroy(kind, name)
  }

  async destroyBe(name: BeName): Promise<void> {
    await this.#containers.destroy('be', name)
  }

  async cloneData(name: DataName, from: Volume): Promise<Volume> {
    const source: Source = { role: 'data', mountpoint: '/', volume: from }
    const [member] = await this.#containers.make('data', name, [{ source, at: 'volume' }], async (container) => {
      await this.#pool.commands.snapshot(await this.#pool.directoryOf(from), `${container}/volume`, false)
    })
    if (member === undefined) throw new BugError('a data volume was made without a volume')
    return member.volume
  }

  carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume> {
    return this.#carving.carveData(name, be, mountpoint)
  }

  async destroyData(name: DataName): Promise<void> {
    await this.#containers.destroy('data', name)
  }

  checkDataAdoption(volume: Volume): Promise<DataAdoption> {
    return Promise.reject(mountedAlready(volume))
  }

  adoptData(_name: DataName, volume: Volume): Promise<Volume> {
    return Promise.reject(mountedAlready(volume))
  }

  unadoptData(): Promise<void> {
    return Promise.resolve()
  }

  mountDataByFstab(): Promise<void> {
    return Promise.resolve()
  }

  absentPools(): Promise<readonly string[]> {
    return Promise.resolve([])
  }

  carveConfig(be: BeName, mountpoint: string): Promise<Member> {
    return this.#carving.carveConfig(be, mountpoint)
  }

  uncarveConfig(be: BeName, mountpoint: string): Promise<void> {
    return this.#carving.uncarveConfig(be, mountpoint)
  }

  async nestedIn(volume: Volume): Promise<readonly NestedVolume[]> {
    this.#pool.forgetList()
    const subvolumes = await this.#pool.list()
    const outer = subvolumes.find((subvolume) => subvolume.uuid === volume.guid)
    if (outer === undefined) return []
    const own = await this.#containers.ownPathsAround(outer.path)
    return subvolumes.flatMap((subvolume) =>
      subvolume.path.startsWith(`${outer.path}/`) && !own.has(subvolume.path)
        ? [{ path: subvolume.path.slice(outer.path.length), volume: this.#pool.volume(subvolume), mountsItself: false }]
        : [],
    )
  }

  async beRootDirectory(be: BeName): Promise<string> {
    const path = `${containerOf('be', be)}/root`
    const root = await pathInside(this.#pool.files, await this.#pool.top(), path)
    if ((await this.#pool.files.stat(root)) === null) throw new NotFoundError(`there is no subvolume ${path}`, { next: ['belay doctor'], data: { be } })
    return root
  }

  async bindData(be: BeName, uses: readonly (DataUse & { readonly volume: Volume })[]): Promise<void> {
    const root = await this.beRootDirectory(be)
    await bindDataInFstab(this.#pool.files, root, { state: await this.stateVolume(), uses }, ({ locator }) => ({
      device: `UUID=${this.#pool.uuid}`,
      type: 'btrfs',
      // `nofail` takes the order before local-fs.target away (systemd.mount(5)): services would start before their data is mounted.
      options: `subvol=${locator},nofail,x-systemd.before=local-fs.target`,
    }))
  }

  async membersOf(record: Generation | BootEnvironment): Promise<readonly Member[]> {
    const subvolumes = await this.#pool.list()
    return record.members.flatMap((member) => {
      const found = subvolumes.find((subvolume) => subvolume.uuid === member.volume.guid)
      return found === undefined ? [] : [{ ...member, volume: this.#pool.volume(found) }]
    })
  }

  directoryOf(volume: Volume): Promise<string> {
    return this.#pool.directoryOf(volume)
  }

  bootRoot(root: Volume): RootFilesystem {
    return { driver: 'btrfs', filesystemUuid: this.#pool.uuid, subvolume: root.locator }
  }

  async exists(volume: Volume): Promise<boolean> {
    return (await this.#pool.list()).some((subvolume) => subvolume.uuid === volume.guid)
  }

  async stateDirectory(): Promise<string | null> {
    const volume = await this.stateVolume()
    return volume === null ? null : `${await this.#pool.top()}/${STATE}`
  }

  async plannedStateDirectory(): Promise<string> {
    return `${await this.#pool.top()}/${STATE}`
  }

  async createState(): Promise<string> {
    const existing = await this.stateDirectory()
    if (existing !== null) return existing
    const top = await this.#pool.top()
    if ((await this.#pool.files.stat(`${top}/${STATE}`)) !== null) {
      throw new RefusedError('name-occupied', `${STATE} exists already on ${this.#pool.uuid} and is not belay’s`, {
        next: ['rename or delete it if nobody needs it'],
        data: { path: STATE },
      })
    }
    for (const kind of ['generation', 'be', 'data'] as const) await this.#pool.files.makeDirectory(`${top}/${kindDirectory(kind)}`, 0o700)
    await this.#pool.files.writeAtomic(
      `${top}/${TOP}/${MARK_FILE}`,
      JSON.stringify({ format: 1, kind: 'state', name: 'state', pool: this.#pool.uuid, members: [] } satisfies Mark),
    )
    await this.#pool.commands.createPrivate(`${top}/${STATE}`)
    this.#pool.forgetList()
    return `${top}/${STATE}`
  }

  async stateVolume(): Promise<Volume | null> {
    const top = await this.#pool.top()
    const mark = await readMark(this.#pool.files, `${top}/${TOP}`, { pool: this.#pool.uuid, name: 'state' })
    const subvolume = (await this.#pool.list()).find((candidate) => candidate.path === STATE)
    return mark === null || subvolume === undefined ? null : this.#pool.volume(subvolume)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #reserve(): Promise<string> {
    return `${await this.plannedStateDirectory()}/reserve`
  }
}

/** belay's mark on btrfs is a file beside the subvolume, in a directory of belay's: one that stays where it is cannot have it. */
const mountedAlready = ({ locator }: Volume): RefusedError =>
  new RefusedError('layout/mounted-data', `subvolume ${locator} is mounted by a line of its own; on btrfs belay makes data of directories of root only`, {
    next: [
      'leave --data out: it stays as it is, and is not part of versions',
      'or unmount it, take its line out of /etc/fstab, copy what it holds into the directory where it was mounted, and run belay init again',
    ],
    data: { subvolume: locator },
  })
