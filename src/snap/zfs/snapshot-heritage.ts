import { RefusedError } from '../../errors.ts'
import type { ZfsFilesystem, ZfsSnapshot } from './dataset-list.ts'
import { type Mark, markProperty } from './mark.ts'
import type { WorkMounts } from './work-mounts.ts'
import type { ZfsPools } from './zfs-pools.ts'

const byAge = (a: ZfsSnapshot, b: ZfsSnapshot): number => a.createtxg - b.createtxg

/**
 * Snapshots belong to the dataset that they were taken of, and a dataset cannot go before they are gone. A generation is to outlive the boot environment that it
 * was taken of: its snapshots, and those of other people's tools, are handed to a clone by `zfs promote`.
 */
export class SnapshotHeritage {
  readonly #pools: ZfsPools
  readonly #mounts: WorkMounts

  constructor(pools: ZfsPools, mounts: WorkMounts) {
    this.#pools = pools
    this.#mounts = mounts
  }

  /** Hand the snapshots of a dataset that is to go to somebody else. */
  async handOver(dataset: ZfsFilesystem): Promise<void> {
    const snapshots = (await this.#pools.snapshotsOf(dataset.name)).toSorted(byAge)
    const newest = snapshots.at(-1)
    if (newest === undefined) return
    await this.#mounts.release(snapshots.map(({ name }) => name))
    const heir = await this.#ownCloneOf(newest)
    if (heir === null || !(await this.#promote(heir.name))) await this.#keep(dataset, newest)
    this.#pools.forget()
  }

  /** Remove datasets that keep nothing any more. */
  async tidy(): Promise<void> {
    this.#pools.forget()
    const kept = (await this.#pools.filesystems()).filter(({ name }) => name.startsWith(`${this.#pools.layoutAround(name).kept}/`))
    for (const dataset of kept) {
      if ((await this.#pools.markOf(dataset.name))?.kind !== 'kept') continue
      const snapshots = (await this.#pools.snapshotsOf(dataset.name)).toSorted(byAge)
      if (snapshots.some((snapshot) => !snapshot.isLeaving)) continue
      const newest = snapshots.at(-1)
      const heir = newest === undefined ? undefined : (await this.#clonesOf(newest))[0]
      if (newest !== undefined && (heir === undefined || !(await this.#promote(heir.name)))) continue
      await this.#pools.commands.destroyFilesystem(dataset.name)
      this.#pools.forget()
    }
  }

  /** Snapshots of belay's in a clone that somebody made would go with it, and belay would not find them there. */
  async #ownCloneOf(snapshot: ZfsSnapshot): Promise<ZfsFilesystem | null> {
    for (const clone of await this.#clonesOf(snapshot)) if ((await this.#pools.markOf(clone.name)) !== null) return clone
    return null
  }

  async #clonesOf(snapshot: ZfsSnapshot): Promise<readonly ZfsFilesystem[]> {
    return (await this.#pools.filesystems()).filter(({ origin }) => origin === snapshot.name)
  }

  /** False when the heir has a snapshot of the same name, as tools that snapshot a whole pool make them. */
  async #promote(name: string): Promise<boolean> {
    try {
      await this.#pools.commands.promote(name)
      return true
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'name-occupied') return false
      throw error
    }
  }

  /** A clone for the snapshots alone: it is never mounted, and takes no room. */
  async #keep({ guid, name: dataset }: ZfsFilesystem, newest: ZfsSnapshot): Promise<void> {
    const { kept, top } = this.#pools.layoutAround(dataset)
    await this.#pools.makeContainers(top, kept)
    const name = `${kept}/${guid}`
    const mark: Mark = { format: 1, kind: 'kept', name: guid, pool: this.#pools.guid, made: true, members: [] }
    if ((await this.#pools.filesystem(name)) === null)
      await this.#pools.commands.clone(newest.name, name, { canmount: 'noauto', mountpoint: 'none', ...markProperty(mark) })
    await this.#pools.commands.promote(name)
  }
}
