import { BugError, RefusedError } from '../../errors.ts'
import type { OwnObject, Source } from '../driver.ts'
import type { Hold, Member } from '../model.ts'
import type { GenerationName } from '../names.ts'
import type { Datasets } from './datasets.ts'
import { isGenerationName, poolPart, snapshotPart } from './layout.ts'
import { type Mark, markProperty } from './mark.ts'
import type { WorkMounts } from './work-mounts.ts'
import { notImported, type ZfsPools } from './zfs-pools.ts'

/** Generations are marked snapshots of one name; a dataset that has them may be another than they were taken of. */
export class Generations {
  readonly #pools: ZfsPools
  readonly #mounts: WorkMounts
  readonly #datasets: Datasets

  constructor(pools: ZfsPools, mounts: WorkMounts, datasets: Datasets) {
    this.#pools = pools
    this.#mounts = mounts
    this.#datasets = datasets
  }

  async survey(): Promise<readonly OwnObject[]> {
    this.#pools.forget()
    const generations = new Map<GenerationName, { readonly promised: number; readonly there: number }>()
    for (const { name } of await this.#pools.snapshots()) {
      const part = snapshotPart(name)
      if (!isGenerationName(part)) continue
      const mark = await this.#markOf(name)
      const seen = generations.get(part) ?? { promised: 0, there: 0 }
      generations.set(part, mark === null ? seen : { promised: mark.members.length, there: seen.there + 1 })
    }
    return [...generations].map(([name, { promised, there }]) => ({
      kind: 'generation',
      name,
      marked: promised > 0,
      complete: promised > 0 && there === promised,
    }))
  }

  /** One call for each pool, one after the other; what was taken goes again when one of them fails. */
  async take(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]> {
    refuseName(name)
    this.#pools.forget()
    const occupied = (await this.#pools.snapshots()).find((snapshot) => snapshotPart(snapshot.name) === name)
    const located = await Promise.all(sources.map(async (source) => ({ source, dataset: (await this.#pools.locate(source.volume)).name })))
    if (occupied !== undefined)
      throw new RefusedError('name-occupied', `${occupied.name} exists already`, { next: ['belay doctor'], data: { path: occupied.name } })
    const members = sources.map(({ role, mountpoint }) => ({ role, mountpoint, at: '' }))
    const mark = markProperty(this.#datasets.mark('generation', name, members, true))
    try {
      for (const datasets of Map.groupBy(
        located.map(({ dataset }) => dataset),
        poolPart,
      ).values())
        await this.#pools.commands.snapshot(
          datasets.map((dataset) => `${dataset}@${name}`),
          mark,
        )
    } catch (error) {
      await this.destroy(name).catch(() => undefined)
      throw error
    }
    const snapshots = await this.#pools.taken(located.map(({ dataset }) => `${dataset}@${name}`))
    return located.map(({ source: { role, mountpoint }, dataset }) => {
      const taken = snapshots.find((snapshot) => snapshot.name === `${dataset}@${name}`)
      if (taken === undefined) throw new BugError(`${dataset}@${name} was made but is not listed`)
      return { role, mountpoint, volume: this.#pools.volume(taken) }
    })
  }

  /** Idempotent. @throws RefusedError `not-ours`, `in-use` */
  async destroy(name: GenerationName): Promise<void> {
    const { snapshots } = await this.#find(name)
    await this.#mounts.release(snapshots)
    await this.#letGo(snapshots)
    for (const snapshot of snapshots) await this.#pools.commands.destroySnapshot(snapshot)
    if (snapshots.length > 0) await this.#datasets.tidy()
    this.#pools.forget()
  }

  /** Put belay's hold on all of its snapshots, in place of the one that was there; null takes it away. */
  async hold(name: GenerationName, hold: Hold | null): Promise<void> {
    const { snapshots } = await this.#find(name)
    const tag = hold === null ? null : tagOf(hold)
    const held = await this.#letGo(snapshots, tag)
    const missing = snapshots.filter((snapshot) => !held.includes(snapshot))
    if (tag !== null) for (const ofPool of Map.groupBy(missing, poolPart).values()) await this.#pools.commands.hold(tag, ofPool)
  }

  /** Take belay's holds away, but one. @returns the snapshots that have that one */
  async #letGo(snapshots: readonly string[], but: string | null = null): Promise<readonly string[]> {
    const holds = await this.#pools.commands.holds(snapshots)
    for (const { snapshot, tag } of holds) if (isOwnTag(tag) && tag !== but) await this.#pools.commands.release(tag, snapshot)
    return holds.flatMap(({ snapshot, tag }) => (tag === but ? [snapshot] : []))
  }

  /** Whether destroy would be refused, without touching anything. @throws as destroy does, and RefusedError `pool-not-imported` when a part is out of sight */
  async checkDestroy(name: GenerationName): Promise<void> {
    const { snapshots, promised } = await this.#find(name)
    const [absent] = await this.#pools.absent()
    if (snapshots.length < promised && absent !== undefined) throw notImported(absent, `a part of ${name}`)
  }

  /** Names of its snapshots as they are now, and how many there should be. */
  async #find(name: GenerationName): Promise<{ readonly snapshots: readonly string[]; readonly promised: number }> {
    refuseName(name)
    this.#pools.forget()
    const named = (await this.#pools.snapshots()).filter((snapshot) => snapshotPart(snapshot.name) === name)
    const snapshots: string[] = []
    let promised = 0
    for (const snapshot of named) {
      const mark = await this.#markOf(snapshot.name)
      if (mark === null) continue
      snapshots.push(snapshot.name)
      promised = mark.members.length
    }
    const [foreign] = named
    if (snapshots.length === 0 && foreign !== undefined) {
      throw new RefusedError('not-ours', `${foreign.name} does not carry belay’s mark; it is left alone`, {
        next: ['belay doctor'],
        data: { path: foreign.name },
      })
    }
    await this.#mounts.refuseMounted(snapshots)
    return { snapshots, promised }
  }

  /** The mark of one snapshot. */
  async #markOf(snapshot: string): Promise<Mark | null> {
    const mark = await this.#pools.markOf(snapshot)
    return mark?.kind === 'generation' && mark.name === snapshotPart(snapshot) ? mark : null
  }
}

const OWN_TAG = 'belay:'
/** A tag has less than 256 bytes (ZAP_MAXNAMELEN); the whole name of the owner is in the index. */
const LONGEST_OWNER = 200

/** Of a user hold: whose it is and until when, so that nobody has to guess who keeps a snapshot. */
const tagOf = ({ owner, until }: Hold): string => {
  const characters = Array.from(owner, (character) => encodeURIComponent(character))
  while (characters.join('').length > LONGEST_OWNER) characters.pop()
  return `${OWN_TAG}${characters.join('')}:${until ?? ''}`
}

const isOwnTag = (tag: string): boolean => tag.startsWith(OWN_TAG)

const refuseName = (name: GenerationName): void => {
  if (!isGenerationName(name)) throw new BugError(`a generation cannot be called ${String(name)}`)
}
