import { BugError, RefusedError } from '../../errors.ts'
import type { OwnObject } from '../driver.ts'
import { BeName, DataName, type GenerationName } from '../names.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import { datasetOf, datasetPart, type FilesystemKind, isGenerationName, snapshotPart } from './layout.ts'
import { MARK_PROPERTY, type Mark } from './mark.ts'
import { SnapshotHeritage } from './snapshot-heritage.ts'
import type { WorkMounts } from './work-mounts.ts'
import type { ZfsPool } from './zfs-pool.ts'

const deepFirst = (a: ZfsFilesystem, b: ZfsFilesystem): number => b.name.split('/').length - a.name.split('/').length

/** The part of the name of a snapshot that a clone of something live needs. */
const originPart = (name: string): string => `origin-${name}`

/** belay's objects on the pool: what they are is in their marks, and what has no mark is never touched. */
export class Datasets {
  readonly #pool: ZfsPool
  readonly #mounts: WorkMounts
  readonly #heritage: SnapshotHeritage

  constructor(pool: ZfsPool, mounts: WorkMounts) {
    this.#pool = pool
    this.#mounts = mounts
    this.#heritage = new SnapshotHeritage(pool, mounts)
  }

  async survey(): Promise<readonly OwnObject[]> {
    this.#pool.forget()
    const objects: OwnObject[] = []
    const generations = new Map<GenerationName, { promised: number; there: number }>()
    for (const { name } of await this.#pool.snapshots()) {
      const part = snapshotPart(name)
      if (!isGenerationName(part)) continue
      const mark = await this.generationMark(name)
      const seen = generations.get(part) ?? { promised: 0, there: 0 }
      generations.set(part, mark === null ? seen : { promised: mark.members.length, there: seen.there + 1 })
    }
    for (const [name, { promised, there }] of generations)
      objects.push({ kind: 'generation', name, marked: promised > 0, complete: promised > 0 && there === promised })
    for (const { name: dataset } of await this.#pool.filesystems()) {
      const be = BeName.safeParse(this.#below(this.#pool.layout.environments, dataset))
      const data = DataName.safeParse(this.#below(this.#pool.layout.data, dataset))
      if (be.success) objects.push({ kind: 'be', name: be.data, ...(await this.#stateOf('be', be.data)) })
      if (data.success) objects.push({ kind: 'data', name: data.data, ...(await this.#stateOf('data', data.data)) })
    }
    return objects
  }

  /** The mark of one snapshot of a generation. */
  async generationMark(snapshot: string): Promise<Mark | null> {
    const mark = await this.#pool.markOf(snapshot)
    return mark?.kind === 'generation' && mark.name === snapshotPart(snapshot) ? mark : null
  }

  mark(kind: Mark['kind'], name: string, members: Mark['members'], made = false): Mark {
    return { format: 1, kind, name, pool: this.#pool.guid, made, members }
  }

  /** The mark of a boot environment or data volume, null when it is not there or not belay's. */
  async markOf(kind: FilesystemKind, name: BeName | DataName): Promise<Mark | null> {
    const mark = await this.#pool.markOf(datasetOf(this.#pool.layout, kind, name))
    return mark?.kind === kind && mark.name === name ? mark : null
  }

  async write(dataset: string, mark: Mark): Promise<void> {
    await this.#pool.commands.set(dataset, MARK_PROPERTY, JSON.stringify(mark))
    this.#pool.forget()
  }

  async refuseOccupied(dataset: string): Promise<void> {
    this.#pool.forget()
    if ((await this.#pool.filesystem(dataset)) === null) return
    throw new RefusedError('name-occupied', `${dataset} exists already`, { next: ['belay doctor'], data: { path: dataset } })
  }

  /** Make an object, and on failure leave nothing of it behind. */
  async make<Result>(kind: FilesystemKind, name: BeName | DataName, work: (dataset: string) => Promise<Result>): Promise<Result> {
    const dataset = datasetOf(this.#pool.layout, kind, name)
    await this.refuseOccupied(dataset)
    try {
      return await work(dataset)
    } catch (error) {
      this.#pool.forget()
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
    await this.#pool.commands.snapshot(
      live.map((source) => `${source}@${originPart(name)}`),
      { [MARK_PROPERTY]: JSON.stringify(mark) },
    )
    this.#pool.forget()
    return sources.map((source) => (source.includes('@') ? source : `${source}@${originPart(name)}`))
  }

  async dropOrigins(name: string): Promise<void> {
    for (const snapshot of await this.#pool.snapshots()) {
      if (snapshotPart(snapshot.name) !== originPart(name) || (await this.#pool.markOf(snapshot.name))?.kind !== 'origin') continue
      await this.#pool.commands.destroySnapshot(snapshot.name)
    }
    this.#pool.forget()
  }

  /** Idempotent. @throws RefusedError `not-ours` without a mark, `in-use` when it is mounted or holds something of somebody's */
  async destroy(kind: FilesystemKind, name: BeName | DataName): Promise<void> {
    const { own, foreign } = await this.#find(kind, name)
    for (const dataset of foreign) await this.#refuseFull(dataset, foreign)
    await this.#mounts.release([...own, ...foreign].map((dataset) => dataset.name))
    for (const dataset of foreign) await this.#pool.commands.destroyFilesystem(dataset.name)
    for (const dataset of own) {
      await this.#heritage.handOver(dataset)
      await this.#pool.commands.destroyFilesystem(dataset.name)
    }
    this.#pool.forget()
    await this.dropOrigins(name)
    await this.#heritage.tidy()
  }

  /** Whether destroy would be refused, without touching anything. @throws as destroy does */
  async checkDestroy(kind: FilesystemKind, name: BeName | DataName): Promise<void> {
    const { foreign } = await this.#find(kind, name)
    for (const dataset of foreign) await this.#refuseFull(dataset, foreign)
  }

  async destroyGeneration(name: GenerationName): Promise<void> {
    const snapshots = await this.findGeneration(name)
    await this.#mounts.release(snapshots)
    for (const snapshot of snapshots) await this.#pool.commands.destroySnapshot(snapshot)
    if (snapshots.length > 0) await this.#heritage.tidy()
    this.#pool.forget()
  }

  /** Names of its snapshots as they are now. @throws RefusedError `not-ours`, `in-use` */
  async findGeneration(name: GenerationName): Promise<readonly string[]> {
    if (!isGenerationName(name)) throw new BugError(`a generation cannot be called ${String(name)}`)
    this.#pool.forget()
    const named = (await this.#pool.snapshots()).filter((snapshot) => snapshotPart(snapshot.name) === name)
    const own: string[] = []
    for (const snapshot of named) if ((await this.generationMark(snapshot.name)) !== null) own.push(snapshot.name)
    const [foreign] = named
    if (own.length === 0 && foreign !== undefined) {
      throw new RefusedError('not-ours', `${foreign.name} does not carry belay’s mark; it is left alone`, {
        next: ['belay doctor'],
        data: { path: foreign.name },
      })
    }
    await this.#mounts.refuseMounted(own)
    return own
  }

  async #find(kind: FilesystemKind, name: BeName | DataName): Promise<{ readonly own: readonly ZfsFilesystem[]; readonly foreign: readonly ZfsFilesystem[] }> {
    const dataset = datasetOf(this.#pool.layout, kind, name)
    this.#pool.forget()
    const there = [...(await this.#pool.filesystemsAt(dataset))].toSorted(deepFirst)
    if (there.length === 0) return { own: [], foreign: [] }
    const mark = await this.markOf(kind, name)
    if (mark === null)
      throw new RefusedError('not-ours', `${dataset} does not carry belay’s mark; it is left alone`, { next: ['belay doctor'], data: { path: dataset } })
    await this.#mounts.refuseMounted(there.map((candidate) => candidate.name))
    const promised = new Set([dataset, ...mark.members.map(({ at }) => (at === '' ? dataset : `${dataset}/${at}`))])
    return { own: there.filter((candidate) => promised.has(candidate.name)), foreign: there.filter((candidate) => !promised.has(candidate.name)) }
  }

  /** Somebody's dataset may go when nothing is in it. */
  async #refuseFull(dataset: ZfsFilesystem, foreign: readonly ZfsFilesystem[]): Promise<void> {
    const within = foreign.some((other) => datasetPart(other.name).startsWith(`${dataset.name}/`))
    const entries = within ? [] : await this.#pool.files.list(await this.#mounts.alone(dataset))
    if (entries.length === 0 && (await this.#pool.snapshotsOf(dataset.name)).length === 0) return
    throw new RefusedError('in-use', `${dataset.name} is not belay’s and not empty`, { next: [`zfs destroy -r ${dataset.name}`], data: { path: dataset.name } })
  }

  async #stateOf(kind: FilesystemKind, name: BeName | DataName): Promise<{ readonly marked: boolean; readonly complete: boolean }> {
    const mark = await this.markOf(kind, name)
    if (mark === null) return { marked: false, complete: false }
    const dataset = datasetOf(this.#pool.layout, kind, name)
    let complete = mark.made
    for (const { at } of mark.members) if (at !== '') complete &&= (await this.#pool.markOf(`${dataset}/${at}`))?.made ?? false
    return { marked: true, complete }
  }

  #below(container: string, dataset: string): string | null {
    return dataset.startsWith(`${container}/`) ? dataset.slice(container.length + 1) : null
  }
}
