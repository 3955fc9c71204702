import { NotFoundError } from '../../errors.ts'
import { type Mount, parseMountInfo } from '../../sys/mount-table.ts'
import type { Files, Runner } from '../../sys/ports.ts'
import type { Volume } from '../model.ts'
import type { ZfsFilesystem, ZfsSnapshot } from './dataset-list.ts'
import { datasetPart, layoutOf, type ZfsLayout } from './layout.ts'
import { type Mark, parseMark } from './mark.ts'
import { ZfsCommands } from './zfs-commands.ts'

export interface ZfsPoolOptions {
  readonly files: Files
  readonly runner: Runner
  /** GUID of the pool, as `zpool get guid` prints it. */
  readonly pool: string
  readonly poolName: string
  /** Of the machine that uses the pool, null where it has none. */
  readonly hostid: string | null
  /** The dataset that holds the boot environments, the parent of the adopted root. */
  readonly environments: string
  /** A directory of this process alone for its mounts, in one that holds nothing but such directories. */
  readonly workDirectory: string
}

/** What there is on a pool, as far as belay looks. */
interface Contents {
  readonly filesystems: readonly ZfsFilesystem[]
  readonly snapshots: readonly ZfsSnapshot[]
  readonly marks: ReadonlyMap<string, Mark>
}

/** A ZFS pool, and what this process last saw on it. */
export class ZfsPool {
  readonly guid: string
  readonly name: string
  readonly hostid: string | null
  readonly files: Files
  readonly commands: ZfsCommands
  readonly layout: ZfsLayout
  readonly workDirectory: string
  #contents: Contents | null = null

  constructor(options: ZfsPoolOptions) {
    this.guid = options.pool
    this.name = options.poolName
    this.hostid = options.hostid
    this.files = options.files
    this.commands = new ZfsCommands(options.runner)
    this.layout = layoutOf(options.poolName, options.environments)
    this.workDirectory = options.workDirectory
  }

  forget(): void {
    this.#contents = null
  }

  async filesystems(): Promise<readonly ZfsFilesystem[]> {
    return (await this.#read()).filesystems
  }

  /** Without those that are destroyed and only there for a clone. */
  async snapshots(): Promise<readonly ZfsSnapshot[]> {
    return (await this.#read()).snapshots.filter((snapshot) => !snapshot.isLeaving)
  }

  /** Also those that are only there for a clone. */
  async snapshotsOf(dataset: string): Promise<readonly ZfsSnapshot[]> {
    return (await this.#read()).snapshots.filter((snapshot) => datasetPart(snapshot.name) === dataset)
  }

  /** The mark that was set on a dataset or snapshot itself. */
  async markOf(name: string): Promise<Mark | null> {
    return (await this.#read()).marks.get(name) ?? null
  }

  async filesystem(name: string): Promise<ZfsFilesystem | null> {
    return (await this.filesystems()).find((candidate) => candidate.name === name) ?? null
  }

  async filesystemsAt(name: string): Promise<readonly ZfsFilesystem[]> {
    return (await this.filesystems()).filter((candidate) => candidate.name === name || candidate.name.startsWith(`${name}/`))
  }

  async find(volume: Volume): Promise<ZfsFilesystem | ZfsSnapshot | null> {
    if (volume.pool !== this.guid) return null
    const { guid } = volume
    return (
      (await this.filesystems()).find((candidate) => candidate.guid === guid) ?? (await this.snapshots()).find((candidate) => candidate.guid === guid) ?? null
    )
  }

  /** @throws NotFoundError when nothing has this identity */
  async locate(volume: Volume): Promise<ZfsFilesystem | ZfsSnapshot> {
    const found = await this.find(volume)
    if (found === null) throw new NotFoundError(`there is no dataset ${volume.locator} with GUID ${volume.guid}`, { next: ['belay doctor'], data: { volume } })
    return found
  }

  volume({ guid, name }: Pick<ZfsFilesystem, 'guid' | 'name'>): Volume {
    return { pool: this.guid, guid, locator: name }
  }

  /** Make the datasets that hold others and nothing themselves. */
  async makeContainers(...containers: readonly string[]): Promise<void> {
    for (const container of containers)
      if ((await this.filesystem(container)) === null) await this.commands.create(container, { canmount: 'off', mountpoint: 'none' })
    this.forget()
  }

  async mounts(): Promise<readonly Mount[]> {
    return parseMountInfo(await this.files.readText('/proc/self/mountinfo')).filter(({ type }) => type === 'zfs')
  }

  async #read(): Promise<Contents> {
    if (this.#contents !== null) return this.#contents
    const filesystems = await this.commands.filesystems(this.name)
    const scope = [this.layout.environments, this.layout.top].filter((name) => filesystems.some((candidate) => candidate.name === name))
    const [snapshots, properties] = await Promise.all([this.commands.snapshots(scope), this.commands.marks(scope)])
    const marks = properties.flatMap(({ name, value }): [string, Mark][] => {
      const mark = parseMark(value, this.guid)
      return mark === null ? [] : [[name, mark]]
    })
    this.#contents = { filesystems, snapshots, marks: new Map(marks) }
    return this.#contents
  }
}
