import type { Mount } from '../../sys/mount-table.ts'
import { RefusedError } from '../../errors.ts'
import { pathInside } from '../path-inside.ts'
import type { ZfsFilesystem, ZfsSnapshot } from './dataset-list.ts'
import type { Mark } from './mark.ts'
import type { ZfsPools } from './zfs-pools.ts'

type Mountable = ZfsFilesystem | ZfsSnapshot

const isFilesystem = (dataset: Mountable): dataset is ZfsFilesystem => 'mountpoint' in dataset

const deepFirst = (a: Mount, b: Mount): number => b.mountpoint.length - a.mountpoint.length

/** Where this process mounts a dataset: no name of a dataset has a percent sign. */
export const workPlace = (workDirectory: string, kind: 'alone' | 'whole', dataset: string): string => `${workDirectory}/${kind}/${dataset.replaceAll('/', '%')}`

/** A path in one of these places as a reader knows it, for the places are gone when a message is read; null for any other path. */
export const nameInDataset = (workDirectory: string, path: string): string | null => {
  if (!path.startsWith(`${workDirectory}/`)) return null
  const [kind, dataset, ...rest] = path.slice(workDirectory.length + 1).split('/')
  return dataset === undefined || (kind !== 'alone' && kind !== 'whole') ? null : `/${rest.join('/')} in ${dataset.replaceAll('%', '/')}`
}

/** Members of a boot environment that lie in its root, outer ones first. */
const inRoot = (mark: Mark): readonly Mark['members'][number][] =>
  mark.members.filter((member) => member.at !== '').toSorted((a, b) => a.mountpoint.length - b.mountpoint.length)

/** Mounts datasets of the pool for this process: each alone, and boot environments with their config members in place. */
export class WorkMounts {
  readonly #pools: ZfsPools
  readonly #alone = new Map<string, string>()
  readonly #whole = new Map<string, string>()

  constructor(pools: ZfsPools) {
    this.#pools = pools
  }

  /** A dataset alone: where others are mounted in it, what lies below them. */
  alone(dataset: Mountable): Promise<string> {
    return this.#mounted(this.#alone, 'alone', dataset)
  }

  /** A boot environment's root with its config members; anything else as it is. */
  async whole(dataset: Mountable): Promise<string> {
    const mark = await this.#pools.markOf(dataset.name)
    if (mark?.kind !== 'be') return this.alone(dataset)
    const directory = await this.#mounted(this.#whole, 'whole', dataset)
    for (const member of inRoot(mark)) await this.#placeMember(directory, dataset.name, member)
    return directory
  }

  /** Mount a config member wherever the root of its boot environment is mounted: in this process's directories, and where the version runs. */
  async placeEverywhere(root: ZfsFilesystem, member: Mark['members'][number]): Promise<void> {
    const alone = this.#alone.get(root.guid)
    for (const mount of await this.#pools.mounts())
      if (mount.source === root.name && mount.mountpoint !== alone) await this.#placeMember(mount.mountpoint, root.name, member)
  }

  /** Unmount datasets from the directories of this and other processes of belay. @throws RefusedError `in-use` when they are mounted elsewhere, or busy */
  async release(datasets: readonly string[]): Promise<void> {
    await this.refuseMounted(datasets)
    const mounts = (await this.#pools.mounts()).filter((mount) => datasets.includes(mount.source)).toSorted(deepFirst)
    for (const mount of mounts) await this.#pools.commands.unmount(mount.mountpoint)
    this.#forget(new Set(mounts.map(({ mountpoint }) => mountpoint)))
  }

  /** @throws RefusedError `in-use` when one is mounted where belay did not mount it. */
  async refuseMounted(datasets: readonly string[]): Promise<void> {
    const mounted = await this.#mountedElsewhere(datasets)
    if (mounted !== null) throw new RefusedError('in-use', `${mounted.source} is mounted at ${mounted.mountpoint}`, { next: [`umount ${mounted.mountpoint}`] })
  }

  async isMountedElsewhere(datasets: readonly string[]): Promise<boolean> {
    return (await this.#mountedElsewhere(datasets)) !== null
  }

  async close(): Promise<void> {
    const mounts = (await this.#pools.mounts()).filter(({ mountpoint }) => mountpoint.startsWith(`${this.#pools.workDirectory}/`)).toSorted(deepFirst)
    for (const mount of mounts) await this.#pools.commands.letGo(mount.mountpoint)
    await this.#pools.files.remove(this.#pools.workDirectory)
    this.#alone.clear()
    this.#whole.clear()
  }

  async #mountedElsewhere(datasets: readonly string[]): Promise<Mount | null> {
    const place = this.#pools.workDirectory.slice(0, this.#pools.workDirectory.lastIndexOf('/'))
    return (await this.#pools.mounts()).find((mount) => datasets.includes(mount.source) && !mount.mountpoint.startsWith(`${place}/`)) ?? null
  }

  async #mounted(known: Map<string, string>, kind: 'alone' | 'whole', dataset: Mountable): Promise<string> {
    const existing = known.get(dataset.guid)
    if (existing !== undefined) return existing
    const directory = workPlace(this.#pools.workDirectory, kind, dataset.name)
    await this.#pools.files.makeDirectory(directory, 0o700)
    await this.#pools.commands.mount(dataset.name, directory, !isFilesystem(dataset) || dataset.mountpoint === 'legacy')
    known.set(dataset.guid, directory)
    return directory
  }

  async #placeMember(directory: string, root: string, member: Mark['members'][number]): Promise<void> {
    const dataset = await this.#pools.filesystem(`${root}/${member.at}`)
    if (dataset === null || (await this.#pools.markOf(dataset.name))?.made !== true) return
    const place = await pathInside(this.#pools.files, directory, member.mountpoint)
    // A carving that was cut between moving the old directory aside and making an empty one.
    if ((await this.#pools.files.stat(place))?.kind !== 'directory') return
    if ((await this.#pools.mounts()).some((mount) => mount.mountpoint === place && mount.source === dataset.name)) return
    await this.#pools.commands.mount(dataset.name, place, false)
  }

  #forget(directories: ReadonlySet<string>): void {
    for (const known of [this.#alone, this.#whole]) for (const [guid, directory] of known) if (directories.has(directory)) known.delete(guid)
  }
}
