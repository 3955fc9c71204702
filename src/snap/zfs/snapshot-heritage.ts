import { RefusedError } from '../../errors.ts'
import type { ZfsFilesystem, ZfsSnapshot } from './dataset-list.ts'
import { MARK_PROPERTY, type Mark } from './mark.ts'
import type { WorkMounts } from './work-mounts.ts'
import type { ZfsPool } from './zfs-pool.ts'

const byAge = (a: ZfsSnapshot, b: ZfsSnapshot): number => a.createtxg - b.createtxg

/**
 * Snapshots belong to the dataset that they were taken of, and a dataset cannot go before they are gone. A generation is to outlive the boot environment that it
 * was taken of: its snapshots, and those of other people's tools, are handed to a clone by `zfs promote`.
 */
export class SnapshotHeritage {
  readonly #pool: ZfsPool
  readonly #mounts: WorkMounts

  constructor(pool: ZfsPool, mounts: WorkMounts) {
    this.#pool = pool
    this.#mounts = mounts
  }

  /** Hand the snapshots of a dataset that is to go to somebody else. */
  async handOver(dataset: ZfsFilesystem): Promise<void> {
    const snapshots = (await this.#pool.snapshotsOf(dataset.name)).toSorted(byAge)
    const newest = snapshots.at(-1)
    if (newest === undefined) return
    await this.#mounts.release(snapshots.map(({ name }) => name))
    const heir = (await this.#clonesOf(newest))[0]
    if (heir === undefined || !(await this.#promote(heir.name))) await this.#keep(dataset, newest)
    this.#pool.forget()
  }

  /** Remove datasets that keep nothing any more. */
  async tidy(): Promise<void> {
    this.#pool.forget()
    const kept = (await this.#pool.filesystems()).filter(({ name }) => name.startsWith(`${this.#pool.layout.kept}/`))
    for (const dataset of kept) {
      if ((await this.#pool.markOf(dataset.name))?.kind !== 'kept') continue
      const snapshots = (await this.#pool.snapshotsOf(dataset.name)).toSorted(byAge)
      if (snapshots.some((snapshot) => !snapshot.isLeaving)) continue
      const newest = snapshots.at(-1)
      const heir = newest === undefined ? undefined : (await this.#clonesOf(newest))[0]
      if (newest !== undefined && (heir === undefined || !(await this.#promote(heir.name)))) continue
      await this.#pool.commands.destroyFilesystem(dataset.name)
      this.#pool.forget()
    }
  }

  async #clonesOf(snapshot: ZfsSnapshot): Promise<readonly ZfsFilesystem[]> {
    return (await this.#pool.filesystems()).filter(({ origin }) => origin === snapshot.name)
  }

  /** False when the heir has a snapshot of the same name, as tools that snapshot a whole pool make them. */
  async #promote(name: string): Promise<boolean> {
    try {
      await this.#pool.commands.promote(name)
      return true
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'name-occupied') return false
      throw error
    }
  }

  /** A clone for the snapshots alone: it is never mounted, and takes no room. */
  async #keep({ guid }: ZfsFilesystem, newest: ZfsSnapshot): Promise<void> {
    const { kept, top } = this.#pool.layout
    await this.#pool.makeContainers(top, kept)
    const name = `${kept}/${guid}`
    const mark: Mark = { format: 1, kind: 'kept', name: guid, pool: this.#pool.guid, made: true, members: [] }
    if ((await this.#pool.filesystem(name)) === null)
      await this.#pool.commands.clone(newest.name, name, { canmount: 'noauto', mountpoint: 'none', [MARK_PROPERTY]: JSON.stringify(mark) })
    await this.#pool.commands.promote(name)
  }
}
