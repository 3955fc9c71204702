import { initialise } from '../../src/operations/initialise.ts'
import type { Appliance } from '../../src/operations/appliance.ts'
import { locked } from '../../src/operations/hold-lock.ts'
import { recoverInterrupted, type Conversation, type Recovered } from '../../src/operations/run-operation.ts'
import { Policy } from '../../src/policy/policy.ts'
import { IndexStore } from '../../src/snap/index-store.ts'
import { createRebootNote } from '../../src/snap/reboot-note-files.ts'
import { readRebootSituation } from '../../src/operations/read-reboot-situation.ts'
import { noFaults, type FaultPoints } from '../../src/snap/fault-points.ts'
import type { BeName } from '../../src/snap/names.ts'
import type { Files } from '../../src/sys/ports.ts'
import { assembleAppliance } from './assembled-appliance.ts'
import { FixedClock } from './fixed-clock.ts'
import { MemoryAptRuns } from './memory-apt-runs.ts'
import { MemoryBootFiles, MemoryGrubPartition } from './memory-boot-files.ts'
import { MemoryDriver } from './memory-driver.ts'
import { MemoryFiles } from './memory-files.ts'
import { MemoryPool } from './memory-pool.ts'
import { MemoryUnits } from './memory-units.ts'
import { Lifespan } from './process-death.ts'
import { RecordingLog } from './recording-log.ts'
import { FORMAT_FILE, SmallPackages } from './small-packages.ts'

const TARGET = '/target'
const RUN_DIRECTORY = '/run'
const CHANGING: ReadonlySet<keyof Files> = new Set([
  'writeAtomic',
  'overwriteInPlace',
  'append',
  'makeDirectory',
  'link',
  'copy',
  'rename',
  'remove',
  'symlink',
  'preallocate',
])

export const CONFIG = '/etc/app'
export const MACHINE_ID = '/etc/machine-id'
const DATA = '/srv/files'

/** `ui` needs `gateway`; `report` does not run unless somebody starts it. */
export const UNITS = { gateway: 'gateway.service', ui: 'gateway-ui.service', report: 'report.service' } as const

/** As process 1 of the machine sees them: /proc/1/mountinfo. */
export const MOUNTS = '1 0 0:1 / / rw,relatime - btrfs /dev/sda2 rw\n2 1 0:2 / /srv/files rw - btrfs /dev/sda2 rw\n'

const POLICY = Policy.parse({
  format: 1,
  quiesce: [UNITS.gateway, UNITS.report],
  config: [CONFIG],
  packages: { dataFormat: FORMAT_FILE },
  space: { marginMiB: 0, reserveMiB: 0, grubReserveMiB: 0 },
})

export const quietly = {
  planOnly: false,
  approve: () => Promise.resolve(),
  onEvent: () => undefined,
  signal: new AbortController().signal,
} satisfies Conversation

/** A whole appliance whose disks are in memory. Processes come and go on it; `process()` is the next one. */
export class MemoryAppliance {
  readonly life = new Lifespan()
  readonly files = new MemoryFiles({
    before: (operation) => {
      if (CHANGING.has(operation)) this.life.change()
    },
  })
  readonly pool = new MemoryPool(this.files, this.life)
  readonly partition = new MemoryGrubPartition()
  readonly clock = new FixedClock()
  readonly packages = new SmallPackages(this.files, TARGET)
  readonly aptRuns = new MemoryAptRuns(this.files, TARGET)
  readonly log = new RecordingLog()
  readonly units = new MemoryUnits({ [UNITS.gateway]: { enabled: true }, [UNITS.ui]: { enabled: true, needs: [UNITS.gateway] }, [UNITS.report]: {} }, this.life)
  #processes = 0
  #planned = 0
  #boots = 0

  /** A machine before belay. */
  static async installed(): Promise<MemoryAppliance> {
    const machine = new MemoryAppliance()
    await machine.files.makeDirectory(RUN_DIRECTORY)
    await machine.files.makeDirectory('/proc/1')
    await machine.files.writeAtomic('/proc/1/mountinfo', MOUNTS)
    await machine.pool.make('installed')
    const volume = await machine.pool.volumeAtPath('installed')
    if (volume === null) throw new Error('the installed root was not made')
    await machine.#fill(machine.pool.at('installed'))
    await machine.pool.mount(volume, TARGET)
    return machine
  }

  /** A machine on which belay was initialised, running its first boot environment. */
  static async initialised(): Promise<MemoryAppliance> {
    const machine = await MemoryAppliance.installed()
    await initialise(machine.process(), { config: [CONFIG], data: [DATA], inRoot: [], policyText: 'format: 1\n', notices: [] }, quietly)
    await machine.reboot()
    return machine
  }

  /** What the next process of belay works with; the one before it is gone, and with it its lock. */
  process(faults: FaultPoints = noFaults): Appliance {
    this.life.renew()
    this.#processes += 1
    const driver = new MemoryDriver(this.pool)
    const state = this.pool.at('state')
    const boot = new MemoryBootFiles(this.partition, this.files, this.life)
    const target = { root: TARGET, live: true }
    const bootId = `boot-${String(this.#boots)}`
    return assembleAppliance({
      target,
      stateDirectory: state,
      policy: POLICY,
      driver,
      boot,
      packages: this.packages,
      aptRuns: this.aptRuns,
      rebootNote: createRebootNote({
        files: this.files,
        boot,
        readSituation: () => readRebootSituation({ driver, target, index: new IndexStore(this.files, state), bootId }),
        runDirectory: RUN_DIRECTORY,
      }),
      runDirectory: RUN_DIRECTORY,
      files: this.files,
      clock: this.clock,
      log: this.log,
      processNumber: this.#processes,
      bootId,
      units: this.units,
      power: { reboot: () => this.reboot().then(() => undefined) },
      faults,
      randomHex: () => (this.#planned += 1).toString(16).padStart(8, '0'),
    })
  }

  /** Off and on again. */
  async reboot(): Promise<BeName> {
    this.life.renew()
    const be = this.partition.start()
    await new MemoryDriver(this.pool).boot(be)
    for (const note of ['reboot-required', 'reboot-required.pkgs']) this.files.removeTree(`${RUN_DIRECTORY}/${note}`)
    this.aptRuns.boot()
    this.units.boot()
    this.#boots += 1
    const index = await this.process().index.readIfAny()
    const uses = index?.bootEnvironments.find(({ name }) => name === be)?.data ?? []
    const volumes = uses.flatMap(({ mountpoint, data }) => {
      const volume = index?.data.find(({ name }) => name === data)?.volume
      return volume === undefined ? [] : [[`${TARGET}${mountpoint}`, volume] as const]
    })
    await this.pool.showAt(new Map(volumes))
    return be
  }

  /** What belay does first when it finds that a run before it was interrupted; it may die over it. */
  recover(dyingAfter = Number.POSITIVE_INFINITY): Promise<Recovered[]> {
    const appliance = this.process()
    this.life.endAfter(dyingAfter)
    return locked(appliance, 'recovery', () => recoverInterrupted(appliance, quietly))
  }

  async #fill(root: string): Promise<void> {
    await this.packages.install(root)
    const write = async (path: string, text: string): Promise<void> => {
      await this.files.makeDirectory(`${root}${path.slice(0, path.lastIndexOf('/'))}`, 0o755)
      await this.files.writeAtomic(`${root}${path}`, text, 0o644)
    }
    await write('/etc/fstab', `UUID=${this.pool.id} / btrfs subvol=installed 0 0\n`)
    await write(MACHINE_ID, 'as installed\n')
    await write(`${CONFIG}/app.conf`, 'listen = 80\n')
    await write(`${DATA}/customer.txt`, 'customer\n')
  }
}
