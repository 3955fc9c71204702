import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BtrfsDriver } from '../../../src/snap/btrfs/btrfs-driver.ts'
import type { Volume } from '../../../src/snap/model.ts'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { parseMountInfo } from '../../../src/sys/mount-table.ts'
import type { Files, Runner } from '../../../src/sys/ports.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { type DriverUnderTest, type ForeignKind, fillInstalledRoot } from '../../contract/driver/driver-under-test.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { MortalProcess } from './mortal-process.ts'

const DIRECTORY: Record<Exclude<ForeignKind, 'state'>, string> = { generation: 'gen', be: 'be', data: 'data' }

/** A btrfs in a file of its own with an installed root in `@rootfs`, as the Debian installer makes it. */
export class BtrfsUnderTest implements DriverUnderTest {
  readonly files: Files
  readonly runner: Runner
  readonly pool: string
  readonly device: string
  /** Holds everything of this test, and is unique. */
  readonly directory: string
  /** The filesystem's top level, for what the tests do behind the driver's back. */
  readonly top: string
  readonly driver: BtrfsDriver
  installed: DriverUnderTest['installed']
  #drivers = 0

  constructor(megabytes: number) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'belay-btrfs-')))
    this.top = join(this.directory, 'top')
    const image = join(this.directory, 'image')
    writeFileSync(image, '')
    truncateSync(image, megabytes * 1024 * 1024)
    execFileSync('/usr/sbin/mkfs.btrfs', ['--quiet', image])
    mkdirSync(this.top)
    execFileSync('/usr/bin/mount', ['-o', 'loop,subvolid=5', image, this.top])
    this.device = execFileSync('/usr/bin/findmnt', ['--noheadings', '--output', 'SOURCE', '--mountpoint', this.top], { encoding: 'utf8' })
      .trim()
      .replace(/\[.*/, '')
    this.pool = execFileSync('/usr/sbin/blkid', ['--match-tag', 'UUID', '--output', 'value', this.device], { encoding: 'utf8' }).trim()
    this.runner = createExecaRunner(new RecordingLog())
    this.files = createNodeFiles(this.runner)
    this.driver = this.open()
    this.installed = { volume: { pool: this.pool, guid: 'not known yet', locator: '@rootfs' }, directory: join(this.directory, 'installed') }
  }

  static async make(megabytes = 300): Promise<BtrfsUnderTest> {
    const subject = new BtrfsUnderTest(megabytes)
    try {
      await subject.#install()
      return subject
    } catch (error) {
      await subject.release()
      throw error
    }
  }

  async #install(): Promise<void> {
    this.btrfs('subvolume', 'create', join(this.top, '@rootfs'))
    await fillInstalledRoot(this.files, join(this.top, '@rootfs'), join(this.directory, 'outside'))
    const { directory } = await this.mount(this.installed.volume, this.installed.directory)
    const volume = await this.driver.volumeAt(directory)
    if (volume === null) throw new Error('the driver does not know what is mounted')
    this.installed = { volume, directory }
  }

  open(options: Partial<ConstructorParameters<typeof BtrfsDriver>[0]> = {}): BtrfsDriver {
    this.#drivers += 1
    const workDirectory = join(this.directory, `work-${String(this.#drivers)}`)
    return new BtrfsDriver({ files: this.files, runner: this.runner, pool: this.pool, device: this.device, workDirectory, ...options })
  }

  reopen(): Promise<BtrfsDriver> {
    return Promise.resolve(this.open())
  }

  mortal(changes: number): Promise<BtrfsDriver> {
    const process = new MortalProcess(changes)
    return Promise.resolve(this.open({ files: process.files(this.files), runner: process.runner(this.runner) }))
  }

  async mount(volume: Volume, at?: string): Promise<{ readonly directory: string; readonly unmount: () => Promise<void> }> {
    this.#drivers += 1
    const directory = at ?? join(this.directory, `mount-${String(this.#drivers)}`)
    await this.files.makeDirectory(directory)
    execFileSync('/usr/bin/mount', ['-t', 'btrfs', '-o', `subvol=${volume.locator}`, this.device, directory])
    return {
      directory,
      unmount: () => {
        execFileSync('/usr/bin/umount', [directory])
        return Promise.resolve()
      },
    }
  }

  async makeForeign(kind: ForeignKind, name: string): Promise<string> {
    const container = join(this.top, '@belay', kind === 'state' ? 'state' : join(DIRECTORY[kind], name))
    await this.files.makeDirectory(container)
    await this.files.writeAtomic(join(container, 'precious'), 'precious')
    return join(container, 'precious')
  }

  async makeMounted(): ReturnType<DriverUnderTest['makeMounted']> {
    this.btrfs('subvolume', 'create', join(this.top, '@customer'))
    writeFileSync(join(this.top, '@customer', 'customer.txt'), 'customer\n')
    const mounted = await this.mount({ pool: this.pool, guid: 'not known yet', locator: '@customer' })
    const volume = await this.open().volumeAt(mounted.directory)
    if (volume === null) throw new Error('the driver does not know what is mounted')
    return { volume, ...mounted }
  }

  makeNested(directory: string): Promise<void> {
    this.btrfs('subvolume', 'create', directory)
    return Promise.resolve()
  }

  /** The kernel destroys no default subvolume. */
  hold(volume: Volume): Promise<{ readonly letGo: () => Promise<void> }> {
    this.btrfs('subvolume', 'set-default', join(this.top, volume.locator))
    return Promise.resolve({
      letGo: () => {
        this.btrfs('subvolume', 'set-default', '5', this.top)
        return Promise.resolve()
      },
    })
  }

  purge(directory: string): Promise<void> {
    return rm(directory, { recursive: true })
  }

  btrfs(...args: string[]): string {
    return execFileSync('/usr/bin/btrfs', args, { encoding: 'utf8' })
  }

  /** Also what drivers of dead processes left mounted. */
  release(): Promise<void> {
    for (const { mountpoint } of parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).toReversed()) {
      if (mountpoint.startsWith(`${this.directory}/`)) execFileSync('/usr/bin/umount', ['--lazy', mountpoint])
    }
    rmSync(this.directory, { recursive: true })
    return Promise.resolve()
  }
}
