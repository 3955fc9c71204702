import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseFstab } from '../../demo/appliance/fstab.ts'
import type { Appliance } from '../../src/operations/appliance.ts'
import { initialise } from '../../src/operations/initialise.ts'
import type { OperationResult } from '../../src/operations/run-operation.ts'
import { readRebootSituation } from '../../src/operations/read-reboot-situation.ts'
import { recordBoot } from '../../src/operations/record-boot.ts'
import { Policy } from '../../src/policy/policy.ts'
import type { FaultPoints } from '../../src/snap/fault-points.ts'
import { IndexStore } from '../../src/snap/index-store.ts'
import type { Volume } from '../../src/snap/model.ts'
import type { BeName } from '../../src/snap/names.ts'
import { createRebootNote } from '../../src/snap/reboot-note-files.ts'
import type { ZfsDriver } from '../../src/snap/zfs/zfs-driver.ts'
import { CONFIG, FILES } from '../contract/driver/scene.ts'
import { assembleAppliance } from '../fakes/assembled-appliance.ts'
import { FixedClock } from '../fakes/fixed-clock.ts'
import { quietly } from '../fakes/memory-appliance.ts'
import { MemoryBootFiles, MemoryGrubPartition } from '../fakes/memory-boot-files.ts'
import { Lifespan } from '../fakes/process-death.ts'
import { RecordingLog } from '../fakes/recording-log.ts'
import { MortalProcess } from '../integration/snap/mortal-process.ts'
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

  private constructor(subject: ZfsUnderTest) {
    this.subject = subject
    this.packages = new SmallPackages(subject.files, this.root)
  }

  /** A machine before belay. */
  static async installed(): Promise<PoolAppliance> {
    const machine = new PoolAppliance(await ZfsUnderTest.make(512))
    try {
      mkdirSync(machine.#runDirectory)
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

  /** Gone at every boot. */
  get #runDirectory(): string {
    return join(this.subject.directory, 'run')
  }

  /** Where its root is mounted. */
  get root(): string {
    return this.subject.installed.directory
  }

  /** What the next process of belay works with. @param diesAt step boundary at which it is killed */
  async process(diesAt: string | null = null): Promise<Appliance> {
    await this.#endProcess()
    this.#processes += 1
    const mortal = new MortalProcess()
    const files = mortal.files(this.subject.files)
    const driver = this.subject.open({ files, runner: mortal.runner(this.subject.runner) })
    this.#driver = driver
    const stateDirectory = (await driver.stateDirectory()) ?? (await driver.plannedStateDirectory())
    const [target, bootId, runDirectory] = [{ root: this.root, live: true }, `boot-${String(this.#boots)}`, this.#runDirectory]
    const boot = new MemoryBootFiles(this.partition, files, this.#life)
    const index = new IndexStore(files, stateDirectory)
    const readSituation = () => readRebootSituation({ driver, target, index, bootId })
    const rebootNote = createRebootNote({ files, boot, readSituation, runDirectory })
    const faults: FaultPoints = {
      reach: async (point) => {
        if (point !== diesAt) return
        this.#driver = null
        this.#life.endAfter(0)
        await mortal.die()
      },
    }
    return assembleAppliance({
      target,
      stateDirectory,
      policy: POLICY,
      driver,
      boot,
      packages: this.packages,
      rebootNote,
      runDirectory,
      files,
      clock: this.clock,
      log: this.#log,
      processNumber: this.#processes,
      bootId,
      units: null,
      power: { reboot: () => this.reboot().then(() => undefined) },
      faults,
      randomHex: () => this.#processes.toString(16).padStart(4, '0'),
    })
  }

  /** A dataset of another pool with a customer's file in it, mounted at a path of the root as `zfs mount` does. */
  async addCustomerPool(path: string): Promise<Volume> {
    this.subject.makeOtherPool()
    const { volume } = await this.subject.makeMounted(join(this.root, path))
    return volume
  }

  /** In order, unless it died. */
  async #endProcess(): Promise<void> {
    await this.#driver?.close()
    this.#driver = null
    this.#life.renew()
  }

  /** Off and on again: root and configuration as zfs-initramfs mounts them, then what the version's own fstab says. */
  async reboot(): Promise<BeName> {
    await this.#endProcess()
    this.subject.endProcesses()
    execFileSync('/usr/bin/umount', ['--recursive', this.root])
    const be = this.partition.start()
    await this.subject.mount({ pool: this.subject.pool, guid: '', locator: `${this.subject.poolName}/ROOT/${be}` }, this.root)
    // As zfs-mount.service does, which systemd orders neither before nor after a line of fstab.
    if (this.subject.otherPool !== null) this.subject.zfs('mount', '-a')
    for (const { source, mountpoint, type, options } of parseFstab(readFileSync(join(this.root, 'etc/fstab'), 'utf8')))
      if (type === 'zfs') execFileSync('/usr/bin/mount', ['-t', 'zfs', '-o', options.join(','), source, join(this.root, mountpoint)])
    this.#mountGrubPartition()
    rmSync(this.#runDirectory, { recursive: true })
    mkdirSync(this.#runDirectory)
    this.#boots += 1
    await recordBoot(await this.process())
    return be
  }

  /** The boot environment that is mounted as root. */
  async running(): Promise<BeName | null> {
    const { index, driver } = await this.process()
    const root = await driver.volumeAt(this.root)
    return (await index.read()).bootEnvironments.find(({ members }) => members.some(({ volume }) => volume.guid === root?.guid))?.name ?? null
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
