import { BugError, NotFoundError, RefusedError } from '../../errors.ts'
import { isAtOrBelow } from '../../path-within.ts'
import { type Mount, parseMountInfo } from '../../sys/mount-table.ts'
import type { Files, Runner } from '../../sys/ports.ts'
import type { Volume } from '../model.ts'
import type { ImportedPool, LocalProperty, ZfsFilesystem, ZfsSnapshot } from './dataset-list.ts'
import { datasetPart, layoutOf, poolPart, type ZfsLayout } from './layout.ts'
import { MARK_PROPERTY, type Mark, parseMark, POOLS_PROPERTY } from './mark.ts'
import { ZfsCommands } from './zfs-commands.ts'

export interface ZfsPoolsOptions {
  readonly files: Files
  readonly runner: Runner
  /** GUID of the root's pool, as `zpool get guid` prints it. */
  readonly pool: string
  readonly poolName: string
  /** Of the machine that uses the pool, null where it has none. */
  readonly hostid: string | null
  /** The dataset that holds the boot environments, the parent of the adopted root. */
  readonly environments: string
  /** A directory of this process alone for its mounts, in one that holds nothing but such directories. */
  readonly workDirectory: string
}

type Marks = ReadonlyMap<string, Mark>

/** The filesystems on the pools that belay looks at. */
interface Filesystems {
  readonly filesystems: readonly ZfsFilesystem[]
  readonly marks: Marks
  /** GUIDs of the other pools that hold data of belay's. */
  readonly others: readonly string[]
  /** Those of them that are imported. */
  readonly imported: readonly ImportedPool[]
}

const marksIn = (properties: readonly LocalProperty[], pool: string): Marks =>
  new Map(
    properties.flatMap(({ name, property, value }): [string, Mark][] => {
      const mark = property === MARK_PROPERTY ? parseMark(value, pool) : null
      return mark === null ? [] : [[name, mark]]
    }),
  )

/** The pool of the root and those on which data was adopted, and what this process last saw on them. Every mark names the root's pool. */
export class ZfsPools {
  readonly guid: string
  readonly name: string
  readonly hostid: string | null
  readonly files: Files
  readonly commands: ZfsCommands
  /** On the pool of the root. */
  readonly layout: ZfsLayout
  readonly workDirectory: string
  /** GUIDs of pools by the names that they have here. */
  readonly #guids = new Map<string, string>()
  #filesystems: Promise<Filesystems> | null = null
  /** In belay's places and of data elsewhere. There may be thousands, so that they are looked at when a question is about them, and their marks when it is about those. */
  #snapshots: Promise<readonly ZfsSnapshot[]> | null = null
  #snapshotMarks: Promise<Marks> | null = null

  constructor(options: ZfsPoolsOptions) {
    this.guid = options.pool
    this.name = options.poolName
    this.hostid = options.hostid
    this.files = options.files
    this.commands = new ZfsCommands(options.runner)
    this.layout = layoutOf(options.poolName, options.environments)
    this.workDirectory = options.workDirectory
    this.#guids.set(this.name, this.guid)
  }

  forget(): void {
    this.#filesystems = null
    this.#snapshots = null
    this.#snapshotMarks = null
  }

  async filesystems(): Promise<readonly ZfsFilesystem[]> {
    return (await this.#lookAtFilesystems()).filesystems
  }

  /** Without those that are destroyed and only there for a clone. */
  async snapshots(): Promise<readonly ZfsSnapshot[]> {
    return (await this.#lookAtSnapshots()).filter((snapshot) => !snapshot.isLeaving)
  }

  /** Also those that are only there for a clone. */
  async snapshotsOf(dataset: string): Promise<readonly ZfsSnapshot[]> {
    return (await this.#lookAtSnapshots()).filter((snapshot) => datasetPart(snapshot.name) === dataset)
  }

  /** The mark that was set on a dataset or snapshot itself. */
  async markOf(name: string): Promise<Mark | null> {
    const marks = name.includes('@') ? await this.#lookAtSnapshotMarks() : await this.marks()
    return marks.get(name) ?? null
  }

  /** Those of filesystems. */
  async marks(): Promise<Marks> {
    return (await this.#lookAtFilesystems()).marks
  }

  async filesystem(name: string): Promise<ZfsFilesystem | null> {
    return (await this.filesystems()).find((candidate) => candidate.name === name) ?? null
  }

  /** A filesystem or snapshot that belay looks at. */
  async named(name: string): Promise<ZfsFilesystem | ZfsSnapshot | null> {
    return name.includes('@') ? ((await this.snapshots()).find((candidate) => candidate.name === name) ?? null) : this.filesystem(name)
  }

  /** One that was made just now. */
  async made(name: string): Promise<ZfsFilesystem> {
    this.forget()
    const found = await this.filesystem(name)
    if (found === null) throw new BugError(`${name} was made but is not listed`)
    return found
  }

  /** Snapshots that were taken just now. The others are not looked at for them. */
  async taken(names: readonly string[]): Promise<readonly ZfsSnapshot[]> {
    this.forget()
    return this.commands.snapshotsNamed(names)
  }

  async filesystemsAt(name: string): Promise<readonly ZfsFilesystem[]> {
    return (await this.filesystems()).filter((candidate) => isAtOrBelow(candidate.name, name))
  }

  async find(volume: Volume): Promise<ZfsFilesystem | ZfsSnapshot | null> {
    const isIt = (candidate: ZfsFilesystem | ZfsSnapshot): boolean => candidate.guid === volume.guid && this.volume(candidate).pool === volume.pool
    return (await this.filesystems()).find(isIt) ?? (await this.snapshots()).find(isIt) ?? null
  }

  /** @throws NotFoundError when nothing has this identity, RefusedError `pool-not-imported` when its pool is not there to look */
  async locate(volume: Volume): Promise<ZfsFilesystem | ZfsSnapshot> {
    const found = await this.find(volume)
    if (found !== null) return found
    if ((await this.absent()).includes(volume.pool)) throw notImported(volume.pool, volume.locator)
    throw new NotFoundError(`there is no dataset ${volume.locator} with GUID ${volume.guid}`, { next: ['belay doctor'], data: { volume } })
  }

  /** A filesystem of any imported pool, also of one that belay does not use. */
  async lookAt(name: string): Promise<{ readonly filesystem: ZfsFilesystem; readonly below: readonly ZfsFilesystem[] } | null> {
    const pool = poolPart(name)
    const imported = (await this.commands.pools()).find((candidate) => candidate.name === pool)
    if (imported === undefined) return null
    this.#guids.set(pool, imported.guid)
    const there = await this.commands.filesystems([name])
    const filesystem = there.find((candidate) => candidate.name === name)
    return filesystem === undefined ? null : { filesystem, below: there.filter((candidate) => candidate !== filesystem) }
  }

  volume({ guid, name }: Pick<ZfsFilesystem, 'guid' | 'name'>): Volume {
    return { pool: this.#guids.get(poolPart(name)) ?? this.guid, guid, locator: name }
  }

  /** Where belay keeps what it makes on the pool of a dataset. */
  layoutAround(dataset: string): ZfsLayout {
    return layoutOf(poolPart(dataset), this.layout.environments)
  }

  /** Names of the imported pools that belay uses, the root's first. */
  async names(): Promise<readonly string[]> {
    return [this.name, ...(await this.#lookAtFilesystems()).imported.map(({ name }) => name)]
  }

  /** GUIDs of the pools with data of belay's that are not imported. */
  async absent(): Promise<readonly string[]> {
    const { others, imported } = await this.#lookAtFilesystems()
    return others.filter((other) => !imported.some(({ guid }) => guid === other))
  }

  /** Look at another pool too, from now on and in every process. Durable before anything is marked there. */
  async remember(pool: string): Promise<void> {
    this.forget()
    const { others } = await this.#lookAtFilesystems()
    if (pool === this.guid || others.includes(pool)) return
    await this.makeContainers(this.layout.top)
    await this.commands.set(this.layout.top, POOLS_PROPERTY, [...others, pool].join(','))
    this.forget()
  }

  /** Look no more at pools that hold nothing of belay's; one that is not imported may. */
  async forgetUnused(): Promise<void> {
    this.forget()
    const { others, marks } = await this.#lookAtFilesystems()
    if (others.length === 0) return
    const used = new Set([...marks.keys(), ...(await this.#lookAtSnapshotMarks()).keys()].map((name) => this.#guids.get(poolPart(name))))
    const absent = await this.absent()
    const needed = others.filter((guid) => used.has(guid) || absent.includes(guid))
    if (needed.length === others.length) return
    if (needed.length === 0) await this.commands.inherit(this.layout.top, POOLS_PROPERTY)
    else await this.commands.set(this.layout.top, POOLS_PROPERTY, needed.join(','))
    this.forget()
  }

  /** Make the datasets that hold others and nothing themselves. */
  async makeContainers(...containers: readonly string[]): Promise<void> {
    for (const container of containers)
      if ((await this.filesystem(container)) === null)
        await this.commands.create(container, { canmount: 'off', mountpoint: 'none', ...(container === this.layoutAround(container).kept ? LEFT_ALONE : {}) })
    this.forget()
  }

  async mounts(): Promise<readonly Mount[]> {
    return parseMountInfo(await this.files.readText('/proc/self/mountinfo')).filter(({ type }) => type === 'zfs')
  }

  #lookAtFilesystems(): Promise<Filesystems> {
    return (this.#filesystems ??= this.#unlessItFails(this.#readFilesystems()))
  }

  #lookAtSnapshots(): Promise<readonly ZfsSnapshot[]> {
    return (this.#snapshots ??= this.#unlessItFails(this.#snapshotPlaces().then((places) => this.commands.snapshots(places))))
  }

  #lookAtSnapshotMarks(): Promise<Marks> {
    const read = async (): Promise<Marks> => marksIn(await this.commands.localProperties('snapshot', [MARK_PROPERTY], await this.#snapshotPlaces()), this.guid)
    return (this.#snapshotMarks ??= this.#unlessItFails(read()))
  }

  /** A look that failed is not the answer to the next question. */
  #unlessItFails<Look>(look: Promise<Look>): Promise<Look> {
    look.catch(() => {
      this.forget()
    })
    return look
  }

  async #readFilesystems(): Promise<Filesystems> {
    const [own, properties] = await this.#filesystemsOf([this.name])
    const top = properties.find(({ name, property }) => name === this.layout.top && property === POOLS_PROPERTY)
    const others = top?.value.split(',').filter((guid) => guid !== '' && guid !== this.guid) ?? []
    const imported = others.length === 0 ? [] : (await this.commands.pools()).filter(({ guid }) => others.includes(guid))
    for (const { name, guid } of imported) this.#guids.set(name, guid)
    const [more, moreProperties] = await this.#filesystemsOf(imported.map(({ name }) => name))
    return { filesystems: [...own, ...more], marks: marksIn([...properties, ...moreProperties], this.guid), others, imported }
  }

  /** Datasets at and below which snapshots may be belay's. */
  async #snapshotPlaces(): Promise<readonly string[]> {
    const { filesystems, marks, imported } = await this.#lookAtFilesystems()
    const places = [this.layout.environments, ...[this.name, ...imported.map(({ name }) => name)].map((name) => this.layoutAround(name).top)]
    return [...places.filter((place) => filesystems.some(({ name }) => name === place)), ...adopted(marks, places)]
  }

  #filesystemsOf(pools: readonly string[]): Promise<[ZfsFilesystem[], LocalProperty[]]> {
    return Promise.all([this.commands.filesystems(pools), this.commands.localProperties('filesystem', [MARK_PROPERTY, POOLS_PROPERTY], pools)])
  }
}

/** Tools that snapshot whole pools leave out what says this (zfs-auto-snapshot(8)); their snapshots would keep what is kept for belay's for ever. */
const LEFT_ALONE = { 'com.sun:auto-snapshot': 'false' } as const

/** Data outside belay's own places. */
const adopted = (marks: Marks, places: readonly string[]): readonly string[] =>
  [...marks].flatMap(([name, { kind }]) => (kind === 'data' && !places.some((place) => name.startsWith(`${place}/`)) ? [name] : []))

export const notImported = (pool: string, what: string): RefusedError =>
  new RefusedError('pool-not-imported', `the pool with GUID ${pool} is not imported, and ${what} may lie on it`, {
    next: [`zpool import ${pool}`],
    data: { pool },
  })
