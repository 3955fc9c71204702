import { NoSpaceError, RefusedError, ToolError } from '../../errors.ts'
import type { Runner } from '../../sys/ports.ts'
import {
  type LocalProperty,
  type PoolFeature,
  type SnapshotHold,
  type ZfsFilesystem,
  type ZfsSnapshot,
  parseFeatures,
  parseFilesystems,
  parseHolds,
  type ImportedPool,
  parseLocalProperties,
  parseOwnProperties,
  parsePools,
  parseSnapshots,
} from './dataset-list.ts'
import { poolPart } from './layout.ts'

const ZFS = '/usr/sbin/zfs'
const ZPOOL = '/usr/sbin/zpool'
const CHMOD = '/usr/bin/chmod'
const CP = '/usr/bin/cp'
const MOUNT = '/usr/bin/mount'
const UMOUNT = '/usr/bin/umount'

const LONGEST_WAIT_MS = 30_000

const FILESYSTEM_COLUMNS = 'name,guid,createtxg,origin,mountpoint'
const SNAPSHOT_COLUMNS = 'name,guid,createtxg,defer_destroy'

/** A property with its value, as `-o` takes it. */
export type Properties = Readonly<Record<string, string>>

const options = (properties: Properties): string[] => Object.entries(properties).flatMap(([name, value]) => ['-o', `${name}=${value}`])

/** The only module that runs zfs and mounts datasets; what these tools print on failure becomes a typed error here (OpenZFS 2.1 and 2.3). */
export class ZfsCommands {
  readonly #runner: Runner

  constructor(runner: Runner) {
    this.#runner = runner
  }

  /** All filesystems at and below these datasets. */
  async filesystems(below: readonly string[]): Promise<ZfsFilesystem[]> {
    if (below.length === 0) return []
    return parseFilesystems((await this.#zfs(['list', '-H', '-p', '-r', '-t', 'filesystem', '-o', FILESYSTEM_COLUMNS, ...below])).stdout)
  }

  /** All snapshots of these datasets and those below them. Columns that open each snapshot's space maps are left out. */
  async snapshots(below: readonly string[]): Promise<ZfsSnapshot[]> {
    if (below.length === 0) return []
    return parseSnapshots((await this.#zfs(['list', '-H', '-p', '-r', '-t', 'snapshot', '-o', SNAPSHOT_COLUMNS, ...below])).stdout)
  }

  async snapshotsNamed(names: readonly string[]): Promise<ZfsSnapshot[]> {
    return parseSnapshots((await this.#zfs(['list', '-H', '-p', '-t', 'snapshot', '-o', SNAPSHOT_COLUMNS, ...names])).stdout)
  }

  /** Properties of these datasets and those below them that were set there, not inherited and not received. */
  async localProperties(type: 'filesystem' | 'snapshot', properties: readonly string[], below: readonly string[]): Promise<LocalProperty[]> {
    if (below.length === 0) return []
    const args = ['get', '-H', '-p', '-r', '-t', type, '-s', 'local', '-o', 'name,property,value', properties.join(','), ...below]
    return parseLocalProperties((await this.#zfs(args)).stdout)
  }

  /** Properties of a dataset itself that were set there or received. */
  async ownProperties(dataset: string): Promise<Properties> {
    return parseOwnProperties((await this.#zfs(['get', '-H', '-p', '-s', 'local,received', '-o', 'property,value', 'all', dataset])).stdout)
  }

  /** All that are imported, and answer. */
  async pools(): Promise<ImportedPool[]> {
    return parsePools((await this.#mapped(ZPOOL, ['list', '-H', '-p', '-o', 'guid,name,health'])).stdout)
  }

  /** The identity of an imported pool. */
  async poolGuid(pool: string): Promise<string> {
    return (await this.#mapped(ZPOOL, ['get', '-H', '-p', '-o', 'value', 'guid', pool])).stdout.trim()
  }

  /** Write what is in memory of a pool to its disks. */
  async sync(pool: string): Promise<void> {
    await this.#mapped(ZPOOL, ['sync', pool])
  }

  /** Every feature of an imported pool that this ZFS knows, `disabled`, `enabled` or `active`. */
  async features(pool: string): Promise<PoolFeature[]> {
    return parseFeatures((await this.#mapped(ZPOOL, ['get', '-H', '-o', 'property,value', 'all', pool])).stdout)
  }

  /** The value of a property; sizes in bytes. */
  async property(dataset: string, property: string): Promise<string> {
    return (await this.#zfs(['get', '-H', '-p', '-o', 'value', property, dataset])).stdout.trim()
  }

  /** Bytes that can still be written, and those in use. */
  async space(dataset: string): Promise<{ readonly available: number; readonly used: number }> {
    const { stdout } = await this.#zfs(['list', '-H', '-p', '-o', 'available,used', dataset])
    const [available = 0, used = 0] = stdout.trim().split('\t').map(Number)
    return { available, used }
  }

  /** What snapshots hold alone, and what filesystems were written: what comes free at least when they go. */
  async bytesHeldBy(names: readonly string[]): Promise<number> {
    let bytes = 0
    for (const [property, those] of [
      ['used', names.filter((name) => name.includes('@'))],
      ['usedbydataset', names.filter((name) => !name.includes('@'))],
    ] as const) {
      if (those.length === 0) continue
      const { stdout } = await this.#zfs(['get', '-H', '-p', '-o', 'value', property, ...those])
      for (const value of stdout.trim().split('\n')) bytes += Number(value)
    }
    return bytes
  }

  /** All in one transaction group, all or none. */
  async snapshot(names: readonly string[], properties: Properties): Promise<void> {
    await this.#zfs(['snapshot', ...options(properties), ...names])
  }

  async clone(snapshot: string, name: string, properties: Properties): Promise<void> {
    await this.#zfs(['clone', ...options(properties), snapshot, name])
  }

  async create(name: string, properties: Properties): Promise<void> {
    await this.#zfs(['create', ...options(properties), name])
  }

  async set(name: string, property: string, value: string): Promise<void> {
    await this.#zfs(['set', `${property}=${value}`, name])
  }

  /** Take a property away that was set on a dataset. */
  async inherit(name: string, property: string): Promise<void> {
    await this.#zfs(['inherit', property, name])
  }

  /** The clone takes over its origin's snapshots up to the one that it was cloned from. @throws RefusedError `name-occupied` when it has one of the same name */
  async promote(name: string): Promise<void> {
    await this.#zfs(['promote', name])
  }

  /** A filesystem that has neither snapshots nor children. */
  async destroyFilesystem(name: string): Promise<void> {
    await this.#zfs(['destroy', name])
    await this.awaitFrees(poolPart(name))
  }

  /** User holds on snapshots: while there is one, `zfs destroy` is refused, whoever asks. */
  async holds(snapshots: readonly string[]): Promise<SnapshotHold[]> {
    return snapshots.length === 0 ? [] : parseHolds((await this.#zfs(['holds', '-H', ...snapshots])).stdout)
  }

  /** All or none. @param snapshots of one pool */
  async hold(tag: string, snapshots: readonly string[]): Promise<void> {
    if (snapshots.length > 0) await this.#zfs(['hold', '--', tag, ...snapshots])
  }

  async release(tag: string, snapshot: string): Promise<void> {
    await this.#zfs(['release', '--', tag, snapshot])
  }

  /** At once, or as soon as the last clone of it is gone. */
  async destroySnapshot(name: string): Promise<void> {
    await this.#zfs(['destroy', '-d', name])
  }

  /**
   * Mount a filesystem or snapshot at a directory; it may be mounted elsewhere too.
   * A snapshot is read-only by itself, but Linux refuses to mount a filesystem again that was not asked to be (super.c, EBUSY; met with OpenZFS 2.1).
   * @param isLegacy mount.zfs takes `zfsutil` for all but legacy mount points and snapshots, and demands it for them (mount_zfs.c)
   */
  async mount(name: string, directory: string, isLegacy: boolean): Promise<void> {
    const mountOptions = [...(isLegacy ? [] : ['zfsutil']), ...(name.includes('@') ? ['ro'] : []), 'nosuid', 'nodev']
    await this.#mapped(MOUNT, ['-t', 'zfs', '-o', mountOptions.join(','), '--', name, directory])
  }

  async unmount(directory: string): Promise<void> {
    await this.#mapped(UMOUNT, ['--', directory])
  }

  /** Also while a process stands in it. */
  async letGo(directory: string): Promise<void> {
    await this.#mapped(UMOUNT, ['--lazy', '--', directory])
  }

  /** The root of a new filesystem has mode 0755; this one is for root alone. */
  async makePrivate(directory: string): Promise<void> {
    await this.#mapped(CHMOD, ['0700', '--', directory])
  }

  /** Copy a directory with all attributes. */
  async copyTree(from: string, to: string): Promise<void> {
    await this.#mapped(CP, ['--archive', '--no-target-directory', '--one-file-system', '--', from, to])
  }

  /**
   * The kernel frees a clone after it is gone (feature livelist). Its thread looks at the list of clones to free when it is done with one; a second clone that is destroyed
   * in that moment makes the list before it fills it, and the thread stops the pool for good: PANIC at spa_livelist_delete_cb (seen on 2.3.9; module/zfs/spa.c and
   * dsl_destroy.c are the same in 2.1). So each is waited for, within reason: freeing much data takes long, and is no error.
   * @returns false when it takes longer
   */
  async awaitFrees(pool: string): Promise<boolean> {
    return this.#runner.run(ZPOOL, ['wait', '-t', 'free', pool], { timeoutMs: LONGEST_WAIT_MS }).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof ToolError)) throw error
        return false
      },
    )
  }

  #zfs(args: readonly string[]) {
    return this.#mapped(ZFS, args)
  }

  async #mapped(tool: string, args: readonly string[]) {
    try {
      return await this.#runner.run(tool, args)
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      const name = args.at(-1) ?? tool
      if (/out of space|No space left on device|quota exceeded/i.test(error.stderr)) {
        throw new NoSpaceError('the ZFS pool is full', { cause: error, next: ['belay prune', 'belay delete ID'], data: { where: 'pool' } })
      }
      if (/dataset already exists|snapshot name .* conflicts|conflicting snapshot/.test(error.stderr)) {
        throw new RefusedError('name-occupied', `${name} exists already`, { cause: error, next: ['belay doctor'], data: { path: name } })
      }
      if (/dataset is busy|it's being held|target is busy|has dependent clones|has children/.test(error.stderr)) {
        throw new RefusedError('in-use', `${name} is in use`, { cause: error, next: ['findmnt -t zfs', `zfs list -r -t all ${name}`], data: { path: name } })
      }
      if (error.stderr.includes('outside its encryption root')) {
        throw new RefusedError('encryption-root', `${name} is encrypted with another key than what it was cloned from`, {
          cause: error,
          next: ['zfs get encryptionroot'],
          data: { path: name },
        })
      }
      throw error
    }
  }
}
