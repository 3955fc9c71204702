import { RefusedError } from '../../errors.ts'
import type { OwnObject } from '../driver.ts'
import { BeName, DataName } from '../names.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import { datasetOf, datasetPart, type FilesystemKind, snapshotPart, type ZfsLayout } from './layout.ts'
import { MARK_PROPERTY, type Mark, markProperty } from './mark.ts'
import { SnapshotHeritage } from './snapshot-heritage.ts'
import type { WorkMounts } from './work-mounts.ts'
import { notImported, type ZfsPools } from './zfs-pools.ts'

const deepFirst = (a: ZfsFilesystem, b: ZfsFilesystem): number => b.name.split('/').length - a.name.split('/').length

/** The part of the name of a snapshot that a clone of something live needs. */
const originPart = (name: string): string => `origin-${name}`

/** belay's boot environments and data on the pools: what they are is in their marks, and what has no mark is never touched. */
export class Datasets {
  readonly #pools: ZfsPools
  readonly #mounts: WorkMounts
  readonly #heritage: SnapshotHeritage

  constructor(pools: ZfsPools, mounts: WorkMounts) {
    this.#pools = pools
    this.#mounts = mounts
    this.#heritage = new SnapshotHeritage(pools, mounts)
  }

  /** Boot environments and data, marked or not. */
  async survey(): Promise<readonly OwnObject[]> {
    this.#pools.forget()
    const objects: OwnObject[] = []
    for (const { name: dataset } of await this.#pools.filesystems()) {
      const be = BeName.safeParse(below(this.#pools.layout.environments, dataset))
      if (be.success) objects.push({ kind: 'be', name: be.data, ...(await this.#stateOf('be', be.data)) })
      const data = DataName.safeParse(await this.#dataNameOf(dataset))
      if (data.success && !objects.some(({ name }) => name === data.data))
        objects.push({ kind: 'data', name: data.data, ...(await this.#stateOf('data', data.data)) })
    }
    return objects
  }

  mark(kind: Mark['kind'], name: string, members: Mark['members'], made = false): Mark {
    return { format: 1, kind, name, pool: this.#pools.guid, made, members }
  }

  /** The mark of a boot environment or data volume, null when it is not there or not belay's. */
  async markOf(kind: FilesystemKind, name: BeName | DataName): Promise<Mark | null> {
    const dataset = await this.datasetOf(kind, name)
    const mark = dataset === null ? null : await this.#pools.markOf(dataset)
    return mark?.kind === kind && mark.name === name ? mark : null
  }

  /** Where an object is: data where its mark is, on any pool and by any name. Without one, what has its name where belay would put it. Null when there is nothing. */
  async datasetOf(kind: FilesystemKind, name: BeName | DataName): Promise<string | null> {
    const layouts = kind === 'be' ? [this.#pools.layout] : (await this.#pools.names()).map((pool) => this.#pools.layoutAround(pool))
    const places = layouts.map((layout) => datasetOf(layout, kind, name))
    const filesystems = (await this.#pools.filesystems()).map((filesystem) => filesystem.name)
    const marks = await this.#pools.marks()
    const isIt = (dataset: string): boolean => marks.get(dataset)?.kind === 'data' && marks.get(dataset)?.name === name
    return (kind === 'data' ? filesystems.find(isIt) : undefined) ?? places.find((place) => filesystems.includes(place)) ?? null
  }

  async write(dataset: string, mark: Mark): Promise<void> {
    await this.#pools.commands.set(dataset, MARK_PROPERTY, JSON.stringify(mark))
    this.#pools.forget()
  }

  async refuseOccupied(dataset: string): Promise<void> {
    this.#pools.forget()
    if ((await this.#pools.filesystem(dataset)) !== null) throw occupied(dataset)
  }

  /** @throws RefusedError `name-occupied` when any pool has an object, or something else, of this name */
  async refuseOccupiedName(kind: FilesystemKind, name: BeName | DataName): Promise<void> {
    this.#pools.forget()
    const dataset = await this.datasetOf(kind, name)
    if (dataset !== null) throw occupied(dataset)
  }

  /** Make an object, and on failure leave nothing of it behind. @param layout of its pool */
  async make<Result>(
    kind: FilesystemKind,
    name: BeName | DataName,
    work: (dataset: string) => Promise<Result>,
    layout: ZfsLayout = this.#pools.layout,
  ): Promise<Result> {
    await this.refuseOccupiedName(kind, name)
    const dataset = datasetOf(layout, kind, name)
    try {
      return await work(dataset)
    } catch (error) {
      this.#pools.forget()
      await this.destroy(kind, name).catch(() => undefined)
      throw error
    }
  }

  /**
   * What to clone from: snapshots as they are, and snapshots of what is live, all taken in one call for the object that is to be made. `dropOrigins` lets them go
   * with their last clone.
   */
  async origins(name: string, sources: readonly string[]): Promise<readonly string[]> {
    const live = sources.filter((source) => !source.includes('@'))
    if (live.length === 0) return sources
    await this.dropOrigins(name)
    const mark = this.mark('origin', name, [], true)
    await this.#pools.commands.snapshot(
      live.map((source) => `${source}@${originPart(name)}`),
      markProperty(mark),
    )
    this.#pools.forget()
    return sources.map((source) => (source.includes('@') ? source : `${source}@${originPart(name)}`))
  }

  async dropOrigins(name: string): Promise<void> {
    for (const snapshot of await this.#pools.snapshots()) {
      if (snapshotPart(snapshot.name) !== originPart(name) || (await this.#pools.markOf(snapshot.name))?.kind !== 'origin') continue
      await this.#pools.commands.destroySnapshot(snapshot.name)
    }
    this.#pools.forget()
  }

  /** Idempotent. @throws RefusedError `not-ours` without a mark, `in-use` when it is mounted or holds something of somebody's */
  async destroy(kind: FilesystemKind, name: BeName | DataName): Promise<void> {
    const { own, foreign } = await this.#find(kind, name)
    for (const dataset of foreign) await this.#refuseFull(dataset, foreign)
    await this.#mounts.release([...own, ...foreign].map((dataset) => dataset.name))
    for (const dataset of foreign) await this.#pools.commands.destroyFilesystem(dataset.name)
    for (const dataset of own) {
      await this.#heritage.handOver(dataset)
      await this.#pools.commands.destroyFilesystem(dataset.name)
    }
    this.#pools.forget()
    await this.dropOrigins(name)
    await this.tidy()
  }

  /** Remove what only held the snapshots of something. */
  async tidy(): Promise<void> {
    await this.#heritage.tidy()
    await this.#pools.forgetUnused()
  }

  /** Whether destroy would be refused, without touching anything. @throws as destroy does, and RefusedError `pool-not-imported` when it may be out of sight */
  async checkDestroy(kind: FilesystemKind, name: BeName | DataName): Promise<void> {
    const { own, foreign } = await this.#find(kind, name)
    const [absent] = await this.#pools.absent()
    if (kind === 'data' && own.length === 0 && absent !== undefined) throw notImported(absent, name)
    for (const dataset of foreign) await this.#refuseFull(dataset, foreign)
  }

  async #find(kind: FilesystemKind, name: BeName | DataName): Promise<{ readonly own: readonly ZfsFilesystem[]; readonly foreign: readonly ZfsFilesystem[] }> {
    this.#pools.forget()
    const dataset = await this.datasetOf(kind, name)
    if (dataset === null) return { own: [], foreign: [] }
    const there = [...(await this.#pools.filesystemsAt(dataset))].toSorted(deepFirst)
    const mark = await this.markOf(kind, name)
    if (mark === null)
      throw new RefusedError('not-ours', `${dataset} does not carry belay’s mark; it is left alone`, { next: ['belay doctor'], data: { path: dataset } })
    await this.#mounts.refuseMounted(there.map((candidate) => candidate.name))
    const promised = new Set([dataset, ...mark.members.map(({ at }) => (at === '' ? dataset : `${dataset}/${at}`))])
    return { own: there.filter((candidate) => promised.has(candidate.name)), foreign: there.filter((candidate) => !promised.has(candidate.name)) }
  }

  /** Somebody's dataset may go when nothing is in it. */
  async #refuseFull(dataset: ZfsFilesystem, foreign: readonly ZfsFilesystem[]): Promise<void> {
    if ((await this.#pools.markOf(dataset.name))?.kind === 'data')
      throw new RefusedError('in-use', `${dataset.name} lies in it and is data of its own`, { next: ['belay list'], data: { path: dataset.name } })
    const within = foreign.some((other) => datasetPart(other.name).startsWith(`${dataset.name}/`))
    const entries = within ? [] : await this.#pools.files.list(await this.#mounts.alone(dataset))
    if (entries.length === 0 && (await this.#pools.snapshotsOf(dataset.name)).length === 0) return
    throw new RefusedError('in-use', `${dataset.name} is not belay’s and not empty`, { next: [`zfs destroy -r ${dataset.name}`], data: { path: dataset.name } })
  }

  async #stateOf(kind: FilesystemKind, name: BeName | DataName): Promise<{ readonly marked: boolean; readonly complete: boolean }> {
    const mark = await this.markOf(kind, name)
    if (mark === null) return { marked: false, complete: false }
    const dataset = await this.datasetOf(kind, name)
    let complete = mark.made
    for (const { at } of mark.members) if (at !== '') complete &&= (await this.#pools.markOf(`${dataset ?? ''}/${at}`))?.made ?? false
    return { marked: true, complete }
  }

  /** What a dataset is called as data: by its mark, or by the place where it lies. */
  async #dataNameOf(dataset: string): Promise<string | null> {
    const mark = await this.#pools.markOf(dataset)
    return mark?.kind === 'data' ? mark.name : below(this.#pools.layoutAround(dataset).data, dataset)
  }
}

const below = (container: string, dataset: string): string | null => (dataset.startsWith(`${container}/`) ? dataset.slice(container.length + 1) : null)

const occupied = (dataset: string): RefusedError =>
  new RefusedError('name-occupied', `${dataset} exists already`, { next: ['belay doctor'], data: { path: dataset } })
