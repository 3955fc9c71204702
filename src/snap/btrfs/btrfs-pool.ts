import { NotFoundError } from '../../errors.ts'
import { type Mount, mountAt, parseMountInfo } from '../../sys/mount-table.ts'
import type { Files, Runner } from '../../sys/ports.ts'
import type { Volume } from '../model.ts'
import { refuseLinks } from '../refuse-links.ts'
import { BtrfsCommands } from './btrfs-commands.ts'
import { STATE, kindDirectory } from './layout.ts'
import type { Subvolume } from './subvolume-list.ts'

export interface BtrfsPoolOptions {
  readonly files: Files
  readonly runner: Runner
  /** Filesystem UUID. */
  readonly pool: string
  /** Block device that holds it. */
  readonly device: string
  /** A directory of this process alone, below which the top level gets mounted. */
  readonly workDirectory: string
}

/** A btrfs filesystem with its top level mounted, and the list of its subvolumes as this process last saw it. */
export class BtrfsPool {
  readonly uuid: string
  readonly files: Files
  readonly commands: BtrfsCommands
  readonly #device: string
  readonly #workDirectory: string
  #top: string | null = null
  #known: readonly Subvolume[] | null = null

  constructor(options: BtrfsPoolOptions) {
    this.uuid = options.pool
    this.files = options.files
    this.commands = new BtrfsCommands(options.runner)
    this.#device = options.device
    this.#workDirectory = options.workDirectory
  }

  /** Where the top level is mounted; mounts it when it is not yet. */
  async top(): Promise<string> {
    if (this.#top !== null) return this.#top
    const directory = `${this.#workDirectory}/top`
    // A process that was killed leaves its mount behind, and its number may be ours now.
    for (const mount of await this.#mounts()) if (mount.mountpoint === directory) await this.commands.unmount(directory)
    await this.files.makeDirectory(directory, 0o700)
    await this.commands.mountTopLevel(this.#device, directory)
    this.#top = directory
    await refuseLinks(this.files, directory, [STATE, kindDirectory('generation'), kindDirectory('be'), kindDirectory('data')])
    return directory
  }

  async close(): Promise<void> {
    if (this.#top === null) return
    await this.commands.unmount(this.#top)
    await this.files.remove(this.#workDirectory)
    this.#top = null
    this.#known = null
  }

  async list(): Promise<readonly Subvolume[]> {
    this.#known ??= await this.commands.list(await this.top())
    return this.#known
  }

  /** Read the list anew when it is next asked for: after every change, and where somebody else may have made one. */
  forgetList(): void {
    this.#known = null
  }

  async subvolumeAt(path: string): Promise<Subvolume | null> {
    return (await this.list()).find((subvolume) => subvolume.path === path) ?? null
  }

  async subvolumeOf(volume: Volume): Promise<Subvolume | null> {
    return (await this.list()).find((subvolume) => subvolume.uuid === volume.guid) ?? null
  }

  volume(subvolume: Subvolume): Volume {
    return { pool: this.uuid, guid: subvolume.uuid, locator: subvolume.path }
  }

  /** @throws NotFoundError when the subvolume is gone. */
  async directoryOf(volume: Volume): Promise<string> {
    const found = await this.subvolumeOf(volume)
    if (found === null) throw new NotFoundError(`subvolume ${volume.locator} (${volume.guid}) is not there any more`, { next: ['belay doctor'] })
    return `${await this.top()}/${found.path}`
  }

  /** The kernel names the same device for every mount of a filesystem, whichever was given to mount(8): ours is the one that our own mount has. */
  async mounts(): Promise<readonly Mount[]> {
    const top = await this.top()
    const mounts = await this.#mounts()
    const own = mountAt(mounts, top)
    return mounts.filter((mount) => mount.type === 'btrfs' && mount.source === own?.source)
  }

  async #mounts(): Promise<readonly Mount[]> {
    return parseMountInfo(await this.files.readText('/proc/self/mountinfo'))
  }
}
