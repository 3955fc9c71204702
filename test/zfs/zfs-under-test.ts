import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, truncateSync, writeFileSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Volume } from '../../src/snap/model.ts'
import { ZfsDriver } from '../../src/snap/zfs/zfs-driver.ts'
import { createNodeFiles } from '../../src/sys/files-node.ts'
import { type Mount, parseMountInfo } from '../../src/sys/mount-table.ts'
import type { Files, Runner } from '../../src/sys/ports.ts'
import { createExecaRunner } from '../../src/sys/runner-execa.ts'
import { type DriverUnderTest, type ForeignKind, fillInstalledRoot } from '../contract/driver/driver-under-test.ts'
import { RecordingLog } from '../fakes/recording-log.ts'
import { MortalProcess } from '../integration/snap/mortal-process.ts'

/** A ZFS pool in a file of its own with an installed root in `POOL/ROOT/debian`, as the OpenZFS guide for Debian makes it. */
export class ZfsUnderTest implements DriverUnderTest {
  readonly files: Files
  readonly runner: Runner
  /** GUID of the pool. */
  readonly pool: string
  readonly poolName: string
  /** Holds everything of this test, and is unique. */
  readonly directory: string
  readonly driver: ZfsDriver
  installed: DriverUnderTest['installed']
  /** A pool in a second file, which the root is not on; null until makeOtherPool. */
  otherPool: { readonly name: string; readonly guid: string } | null = null
  #drivers = 0
  #mounts = 0

  private constructor(megabytes: number) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'belay-zfs-')))
    this.poolName = basename(this.directory)
    this.pool = this.#makePool(this.poolName, 'image', megabytes)
    this.runner = createExecaRunner(new RecordingLog())
    this.files = createNodeFiles(this.runner)
    this.driver = this.open()
    const directory = join(this.directory, 'installed')
    this.installed = { volume: { pool: this.pool, guid: 'not known yet', locator: `${this.poolName}/ROOT/debian` }, directory }
  }

  #makePool(name: string, file: string, megabytes: number): string {
    const image = join(this.directory, file)
    writeFileSync(image, '')
    truncateSync(image, megabytes * 1024 * 1024)
    this.zpool('create', '-O', 'mountpoint=none', '-O', 'canmount=off', '-O', 'xattr=sa', '-O', 'acltype=posixacl', name, image)
    return this.zpool('get', '-H', '-p', '-o', 'value', 'guid', name).trim()
  }

  makeOtherPool(megabytes = 128): { readonly name: string; readonly guid: string } {
    const name = `${this.poolName}-other`
    const guid = this.#makePool(name, 'other-image', megabytes)
    this.otherPool = { name, guid }
    return this.otherPool
  }

  exportOtherPool(): void {
    for (const { mountpoint, source } of this.#mounted().toReversed())
      if (source.startsWith(`${this.poolName}-other`)) execFileSync('/usr/bin/umount', [mountpoint])
    this.zpool('export', `${this.poolName}-other`)
  }

  importOtherPool(): void {
    this.zpool('import', '-N', '-d', join(this.directory, 'other-image'), `${this.poolName}-other`)
  }

  static async make(megabytes = 256): Promise<ZfsUnderTest> {
    const subject = new ZfsUnderTest(megabytes)
    try {
      await subject.#install()
      return subject
    } catch (error) {
      await subject.release()
      throw error
    }
  }

  async #install(): Promise<void> {
    this.zfs('create', '-o', 'mountpoint=none', '-o', 'canmount=off', `${this.poolName}/ROOT`)
    this.zfs('create', '-o', 'mountpoint=/', '-o', 'canmount=noauto', this.installed.volume.locator)
    const { directory } = await this.mount(this.installed.volume, this.installed.directory)
    await fillInstalledRoot(this.files, directory, join(this.directory, 'outside'))
    const volume = await this.driver.volumeAt(directory)
    if (volume === null) throw new Error('the driver does not know what is mounted')
    this.installed = { volume, directory }
  }

  open(options: Partial<ConstructorParameters<typeof ZfsDriver>[0]> = {}): ZfsDriver {
    this.#drivers += 1
    const workDirectory = join(this.directory, 'work', String(this.#drivers))
    const environments = `${this.poolName}/ROOT`
    return new ZfsDriver({
      files: this.files,
      runner: this.runner,
      pool: this.pool,
      poolName: this.poolName,
      hostid: '0x0badcafe',
      environments,
      workDirectory,
      ...options,
    })
  }

  reopen(): Promise<ZfsDriver> {
    return Promise.resolve(this.open())
  }

  mortal(changes: number): Promise<ZfsDriver> {
    const process = new MortalProcess(changes)
    return Promise.resolve(this.open({ files: process.files(this.files), runner: process.runner(this.runner) }))
  }

  async mount({ locator }: Volume, at?: string): Promise<{ readonly directory: string; readonly unmount: () => Promise<void> }> {
    this.#mounts += 1
    const directory = at ?? join(this.directory, `mount-${String(this.#mounts)}`)
    await this.files.makeDirectory(directory)
    for (const { name, place } of this.#withMembers(locator)) {
      const isLegacy = name.includes('@') || this.property(name, 'mountpoint') === 'legacy'
      execFileSync('/usr/bin/mount', ['-t', 'zfs', ...(isLegacy ? [] : ['-o', 'zfsutil']), name, `${directory}${place}`])
    }
    return {
      directory,
      unmount: () => {
        execFileSync('/usr/bin/umount', ['--recursive', directory])
        return Promise.resolve()
      },
    }
  }

  /** zfs-initramfs mounts a boot environment's children with it. */
  #withMembers(locator: string): { readonly name: string; readonly place: string }[] {
    if (!/\/be-\d{6}$/.test(locator)) return [{ name: locator, place: '' }]
    const rows = this.zfs('list', '-H', '-p', '-r', '-t', 'filesystem', '-o', 'name,mountpoint', locator).trim().split('\n')
    return rows.map((row) => {
      const [name = '', place = ''] = row.split('\t')
      return { name, place: name === locator ? '' : place }
    })
  }

  /** On the other pool where there is one. */
  async makeMounted(at = join(this.directory, 'customer')): ReturnType<DriverUnderTest['makeMounted']> {
    const dataset = `${this.otherPool?.name ?? this.poolName}/customer`
    this.zfs('create', '-o', `mountpoint=${at}`, dataset)
    await this.files.writeAtomic(join(at, 'customer.txt'), 'customer\n')
    const volume = await this.driver.volumeAt(at)
    if (volume === null) throw new Error('the driver does not know what is mounted')
    return {
      volume,
      directory: at,
      unmount: () => {
        execFileSync('/usr/bin/umount', [at])
        return Promise.resolve()
      },
    }
  }

  async makeForeign(kind: ForeignKind, name: string): Promise<string> {
    if (kind === 'generation') {
      const dataset = `${this.poolName}/ROOT/other`
      this.zfs('create', '-o', 'mountpoint=legacy', dataset)
      const { directory, unmount } = await this.mount({ pool: this.pool, guid: '', locator: dataset })
      await this.files.writeAtomic(join(directory, 'precious'), 'precious')
      await unmount()
      this.zfs('snapshot', `${dataset}@${name}`)
      return join((await this.mount({ pool: this.pool, guid: '', locator: `${dataset}@${name}` })).directory, 'precious')
    }
    const dataset = { be: `${this.poolName}/ROOT/${name}`, data: `${this.poolName}/belay/data/${name}`, state: `${this.poolName}/belay/state` }[kind]
    this.zfs('create', '-p', '-o', 'mountpoint=legacy', dataset)
    const { directory } = await this.mount({ pool: this.pool, guid: '', locator: dataset })
    await this.files.writeAtomic(join(directory, 'precious'), 'precious')
    return join(directory, 'precious')
  }

  async makeNested(directory: string): Promise<void> {
    const outer = this.#mountAround(directory)
    const place = directory.slice(outer.mountpoint.length)
    await this.files.makeDirectory(directory, 0o755)
    const dataset = `${outer.source}/nested-${String((this.#mounts += 1))}`
    this.zfs('create', '-o', 'canmount=noauto', '-o', `mountpoint=${place}`, dataset)
    execFileSync('/usr/bin/mount', ['-t', 'zfs', '-o', 'zfsutil', dataset, directory])
  }

  /** The kernel keeps dpkg from removing the mount point of a dataset; an administrator who destroys it leaves what a purge leaves on btrfs. */
  /** What holds a snapshot on ZFS only defers its destruction, and what is mounted is known beforehand. */
  hold(): Promise<null> {
    return Promise.resolve(null)
  }

  async purge(directory: string): Promise<void> {
    const { source } = this.#mountAround(`${directory}/`)
    for (const mount of this.#mounted().filter((candidate) => candidate.source === source)) execFileSync('/usr/bin/umount', [mount.mountpoint])
    for (const snapshot of this.zfs('list', '-H', '-t', 'snapshot', '-o', 'name', source).split('\n').filter(Boolean)) this.zfs('destroy', snapshot)
    this.zfs('destroy', source)
    await rmdir(directory)
  }

  zfs(...args: string[]): string {
    return execFileSync('/usr/sbin/zfs', args, { encoding: 'utf8' })
  }

  zpool(...args: string[]): string {
    return execFileSync('/usr/sbin/zpool', args, { encoding: 'utf8' })
  }

  property(dataset: string, property: string): string {
    return this.zfs('get', '-H', '-p', '-o', 'value', property, dataset).trim()
  }

  #mounted(): Mount[] {
    return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter(({ mountpoint }) => mountpoint.startsWith(`${this.directory}/`))
  }

  #mountAround(path: string): Mount {
    const [mount] = this.#mounted()
      .filter(({ mountpoint }) => path.startsWith(`${mountpoint}/`))
      .toSorted((a, b) => b.mountpoint.length - a.mountpoint.length)
    if (mount === undefined) throw new Error(`nothing is mounted around ${path}`)
    return mount
  }

  /** What a reboot does: nothing that processes mounted for their own work is there any more. */
  endProcesses(): void {
    for (const { mountpoint } of this.#mounted().toReversed())
      if (mountpoint.startsWith(join(this.directory, 'work/'))) execFileSync('/usr/bin/umount', ['--lazy', mountpoint])
  }

  /** Also what drivers of dead processes left mounted. */
  async release(): Promise<void> {
    for (const { mountpoint } of this.#mounted().toReversed()) execFileSync('/usr/bin/umount', ['--lazy', mountpoint])
    const names = new Set(this.zpool('list', '-H', '-o', 'name').trim().split('\n'))
    for (const name of [this.poolName, `${this.poolName}-other`]) if (names.has(name)) this.zpool('destroy', '-f', name)
    await rm(this.directory, { recursive: true })
  }
}
