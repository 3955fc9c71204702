import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseFstab } from '../../demo/appliance/fstab.ts'
import type { Appliance } from '../../src/operations/appliance.ts'
import { initialise } from '../../src/operations/initialise.ts'
import type { OperationResult } from '../../src/operations/run-operation.ts'
import { recordBoot } from '../../src/operations/record-boot.ts'
import { Policy } from '../../src/policy/policy.ts'
import { noFaults } from '../../src/snap/fault-points.ts'
import type { Volume } from '../../src/snap/model.ts'
import type { BeName } from '../../src/snap/names.ts'
import type { ZfsDriver } from '../../src/snap/zfs/zfs-driver.ts'
import { CONFIG, FILES } from '../contract/driver/scene.ts'
import { assembleAppliance } from '../fakes/assembled-appliance.ts'
import { FixedClock } from '../fakes/fixed-clock.ts'
import { quietly } from '../fakes/memory-appliance.ts'
import { MemoryBootFiles, MemoryGrubPartition } from '../fakes/memory-boot-files.ts'
import { Lifespan } from '../fakes/process-death.ts'
import { RecordingLog } from '../fakes/recording-log.ts'
import { FORMAT_FILE, SmallPackages } from '../fakes/small-packages.ts'
import { ZfsUnderTest } from './zfs-under-test.ts'

const POLICY = Policy.parse({
  format: 1,
  config: [CONFIG],
  identity: [],
  packages: { dataFormat: FORMAT_FILE },
  space: { marginMiB: 0, reserveMiB: 4, grubReserveMiB: 0 },
})
const MIB = 1024 * 1024

/** An appliance whose root, configuration, data and state are datasets of a real pool; its packages are small, and GRUB is in memory. */
export class PoolAppliance {
  readonly subject: ZfsUnderTest
  readonly partition = new MemoryGrubPartition()
  readonly packages: SmallPackages
  readonly clock = new FixedClock()
  readonly #life = new Lifespan()
  readonly #log = new RecordingLog()
  #driver: ZfsDriver | null = null
  #processes = 0
  #boots = 0
  #rebootNote: string | null = null

  private constructor(subject: ZfsUnderTest) {
    this.subject = subject
    this.packages = new SmallPackages(subject.files, this.root)
  }

  /** A machine before belay. */
  static async installed(): Promise<PoolAppliance> {
    const machine = new PoolAppliance(await ZfsUnderTest.make(512))
    try {
      await machine.packages.install(machine.root)
      machine.#mountGrubPartition()
      return machine
    } catch (error) {
      await machine.release()
      throw error
    }
  }

  /** A machine on which belay was initialised, running its first boot environment. */
  static async initialised(): Promise<PoolAppliance> {
    const machine = await PoolAppliance.installed()
    try {
      await machine.initialise([FILES])
      await machine.reboot()
      return machine
    } catch (error) {
      await machine.release()
      throw error
    }
  }

  async initialise(data: readonly string[]): Promise<OperationResult> {
    return initialise(await this.process(), { config: [CONFIG], data, inRoot: [], policyText: 'format: 1\n', notices: [] }, quietly)
  }

  /** Where its root is mounted. */
  get root(): string {
    return this.subject.installed.directory
  }

  /** What the next process of belay works with. */
  async process(): Promise<Appliance> {
    await this.#driver?.close()
    this.#processes += 1
    const driver = this.subject.open()
    this.#driver = driver
    return assembleAppliance({
      target: { root: this.root, live: true },
      stateDirectory: (await driver.stateDirectory()) ?? (await driver.plannedStateDirectory()),
      policy: POLICY,
      driver,
      boot: new MemoryBootFiles(this.partition, this.subject.files, this.#life),
      packages: this.packages,
      rebootNote: {
        bringUpToDate: (text) => {
          this.#rebootNote = text
          return Promise.resolve()
        },
        isSet: () => Promise.resolve(this.#rebootNote !== null),
      },
      runDirectory: null,
      files: this.subject.files,
      clock: this.clock,
      log: this.#log,
      processNumber: this.#processes,
      bootId: `boot-${String(this.#boots)}`,
      units: null,
      power: { reboot: () => this.reboot().then(() => undefined) },
      faults: noFaults,
      randomHex: () => this.#processes.toString(16).padStart(4, '0'),
    })
  }

  /** A dataset of another pool with a customer's file in it, mounted at a path of the root as `zfs mount` does. */
  async addCustomerPool(path: string): Promise<Volume> {
    this.subject.makeOtherPool()
    const { volume } = await this.subject.makeMounted(join(this.root, path))
    return volume
  }

  /** Off and on again: root and configuration as zfs-initramfs mounts them, then what the version's own fstab says. */
  async reboot(): Promise<BeName> {
    await this.#driver?.close()
    this.#driver = null
    execFileSync('/usr/bin/umount', ['--recursive', this.root])
    const be = this.partition.start()
    await this.subject.mount({ pool: this.subject.pool, guid: '', locator: `${this.subject.poolName}/ROOT/${be}` }, this.root)
    // As zfs-mount.service does, which systemd orders neither before nor after a line of fstab.
    if (this.subject.otherPool !== null) this.subject.zfs('mount', '-a')
    for (const { source, mountpoint, type, options } of parseFstab(readFileSync(join(this.root, 'etc/fstab'), 'utf8')))
      if (type === 'zfs') execFileSync('/usr/bin/mount', ['-t', 'zfs', '-o', options.join(','), source, join(this.root, mountpoint)])
    this.#mountGrubPartition()
    this.#rebootNote = null
    this.#boots += 1
    await recordBoot(await this.process())
    return be
  }

  read(path: string): Promise<string> {
    return this.subject.files.readText(join(this.root, path))
  }

  async release(): Promise<void> {
    await this.#driver?.close()
    await this.subject.release()
  }

  #mountGrubPartition(): void {
    const image = join(this.subject.directory, 'grub-partition')
    if (this.#boots === 0) {
      writeFileSync(image, '')
      truncateSync(image, 16 * MIB)
      execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', image])
    }
    const directory = join(this.root, 'boot/grub')
    mkdirSync(directory, { recursive: true })
    execFileSync('/usr/bin/mount', ['-o', 'loop', image, directory])
  }
}
