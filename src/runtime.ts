import { randomBytes } from 'node:crypto'
import { BelayError, InvalidFileError, RefusedError } from './errors.ts'
import { createBootLoader, noBootLoader } from './boot/boot-loader.ts'
import { createGrubBootFiles } from './boot/grub-boot-files.ts'
import { parseEnvBlock } from './boot/env-block.ts'
import { FIXED_PATHS } from './boot/grub-partition.ts'
import { LAYOUT } from './boot/grub-partition-layout.ts'
import { readTimeZone } from './boot/time-zone.ts'
import type { Appliance } from './operations/appliance.ts'
import { readRunningByPlace } from './operations/read-planning-state.ts'
import { readRebootSituation } from './operations/read-reboot-situation.ts'
import { createAptPackages } from './pkg/apt/apt-packages.ts'
import { createAptRuns } from './pkg/apt/apt-runs.ts'
import { parseDataFormat } from './pkg/data-format.ts'
import { summarisePackages } from './pkg/package-summary.ts'
import { POLICY_MISSING, type Policy, defaultPolicy, parsePolicy } from './policy/policy.ts'
import { nameOnPool, openDriver } from './open-driver.ts'
import { libexec } from './program-directory.ts'
import { AuditLog } from './snap/audit-log.ts'
import { mountedBootLayout } from './snap/boot-layout.ts'
import type { Driver } from './snap/driver.ts'
import type { BeName } from './snap/names.ts'
import { faultPointsFrom } from './snap/fault-points-from-environment.ts'
import { IndexStore } from './snap/index-store.ts'
import { JournalDirectory } from './snap/journal.ts'
import { createLoginMessageFile } from './snap/login-message-file.ts'
import { ManifestStore } from './snap/manifest-store.ts'
import { pathInside } from './snap/path-inside.ts'
import { createRebootNote } from './snap/reboot-note-files.ts'
import type { RootDescriber } from './snap/root-describer.ts'
import { SpaceReserve } from './snap/space-reserve.ts'
import { refuseLinks } from './snap/refuse-links.ts'
import { CONFIG_FILE, GRUB_PARTITION, type Target, inTarget } from './snap/target.ts'
import { sweepWorkDirectories } from './sweep-work-directories.ts'
import { readProcessActor } from './sys/actor-process.ts'
import { systemClock } from './sys/clock-system.ts'
import { createForeignPrograms } from './sys/foreign-programs.ts'
import { createNodeFiles } from './sys/files-node.ts'
import { createLazyLog } from './sys/lazy-log.ts'
import { createFlockLock } from './sys/lock-flock.ts'
import { openPinoLog } from './sys/log-pino.ts'
import type { Actor, Files, Log, Runner, Settler } from './sys/ports.ts'
import { createSystemdPower } from './sys/power-systemd.ts'
import { isProcessAlive } from './sys/process-alive.ts'
import { createExecaRunner } from './sys/runner-execa.ts'
import { createShellSettler } from './sys/settler.ts'
import { createSystemJournal } from './sys/system-journal.ts'
import { createSystemdUnits } from './sys/units-systemd.ts'

const RUN_DIRECTORY = '/run/belay'
/** Random, and new with each boot: random(4). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const LOG_FILE = '/var/log/belay.log'
/** What belay keeps in its state volume under names that never change. */
const STATE_PATHS = ['index.json', 'audit.jsonl', 'lock', 'reserve', 'generations', 'identity', 'journal/closed'] as const

interface OpenAppliance {
  readonly appliance: Appliance
  readonly close: () => Promise<void>
}

/** The composition root: the only place that knows which adapters there are. */
export const openAppliance = async ({
  root,
  preparePolicy,
}: {
  readonly root: string
  readonly preparePolicy?: (files: Files) => Promise<Policy>
}): Promise<OpenAppliance> => {
  const actor = await readProcessActor()
  if (actor.uid !== 0) throw new RefusedError('not-root', 'belay works on filesystems and needs root', { next: ['run the same command with sudo'] })
  const debug = process.env['BELAY_DEBUG'] !== undefined
  const log = createLazyLog(() => openPinoLog({ destination: debug ? 'stderr' : { file: LOG_FILE }, level: debug ? 'debug' : 'info' }), debug)
  const runner = createExecaRunner(log)
  const workDirectory = `${RUN_DIRECTORY}/${String(actor.pid)}-${actor.startTime}`
  const files = createNodeFiles(runner, (path) => nameOnPool(workDirectory, path))
  const target: Target = { root, live: root === '/' }
  await sweepWorkDirectories({ files, runner, directory: RUN_DIRECTORY, isAlive: isProcessAlive })
  const driver = await openDriver({ files, runner, workDirectory, target })
  try {
    // Both at once: mounting and listing wait for other processes, reading a policy is work of this one.
    const opening = driver.stateDirectory()
    // The pool is mounted once: who needs it for the policy waits.
    const rootOf = (be: BeName): Promise<string> => opening.then(() => driver.beRootDirectory(be))
    const isOurs = async (): Promise<boolean> => (await opening) !== null && (await readRunningByPlace({ driver, target })) !== null
    const [mounted, policy] = await Promise.allSettled([
      opening,
      preparePolicy === undefined ? readPolicy(files, target, rootOf, isOurs) : preparePolicy(files).then((prepared) => ({ policy: prepared, problem: null })),
    ])
    if (mounted.status === 'rejected') throw mounted.reason
    if (policy.status === 'rejected') throw policy.reason
    const appliance = await assemble({ actor, files, runner, log, target, driver, ...policy.value })
    return {
      appliance,
      close: async () => {
        await driver.close()
        await log.flush()
      },
    }
  } catch (error) {
    await driver.close()
    throw error
  }
}

interface Parts {
  readonly actor: Actor
  readonly files: Files
  readonly runner: Runner
  readonly log: Log
  readonly target: Target
  readonly driver: Driver
  readonly policy: Policy
  readonly problem: Error | null
}

const assemble = async ({ actor, files, runner, log, target, driver, policy, problem }: Parts): Promise<Appliance> => {
  const stateDirectory = (await driver.stateDirectory()) ?? (await driver.plannedStateDirectory())
  const grubDirectory = inTarget(target, GRUB_PARTITION)
  const bootLayout = await mountedBootLayout(files, target)
  // Before anything is read or written there: all of it is appended to and overwritten by path, which follows links.
  await Promise.all([refuseLinks(files, grubDirectory, FIXED_PATHS), refuseLinks(files, stateDirectory, STATE_PATHS)])
  const bootId = target.live ? (await files.readText(BOOT_ID)).trim() : null
  const runDirectory = target.live ? '/run' : null
  const freezer = createShellSettler({ runner, files, log, script: libexec('freeze-thaw') })
  // GRUB's directory may be a plain one of the filesystem at /boot; what is frozen is the filesystem.
  const settler: Settler = { settle: () => freezer.settle(bootLayout.filesystem) }
  const index = new IndexStore(files, stateDirectory)
  const bootLoader = target.live
    ? createBootLoader({ files, runner, log, installCoreImage: libexec('install-core-image'), installEfiStub: libexec('install-efi-stub') })
    : noBootLoader
  const boot = createGrubBootFiles({
    files,
    runner,
    listInitrd: libexec('list-initrd'),
    settler,
    clock: systemClock,
    directory: grubDirectory,
    filesystem: bootLayout.filesystem,
    policy,
    bootRoot: (volume) => driver.bootRoot(volume),
    timeZone: () => readTimeZone(files, inTarget(target, '/etc')),
    bootLoader,
  })
  const packages = createAptPackages({
    files,
    runner,
    clock: systemClock,
    root: target.root,
    enterRoot: libexec('enter-root'),
    besideGrubCfg: libexec('beside-grub-cfg'),
    readDeb: libexec('read-deb'),
    policy: policy.packages,
  })
  const units = target.live ? createSystemdUnits({ files, runner }) : null
  const describer: RootDescriber = {
    async describe(rootDirectory) {
      const installed = await packages.installed(rootDirectory)
      return { installed, packages: summarisePackages(installed, policy.packages.important), dataFormat: await readDataFormat(files, policy, rootDirectory) }
    },
  }
  return {
    target,
    stateDirectory,
    policy,
    policyProblem: problem,
    driver,
    boot,
    bootLoader,
    packages,
    aptRuns: createAptRuns({ files, log, root: target.root, pid: actor.pid, runDirectory, units }),
    index,
    manifests: new ManifestStore(files, stateDirectory),
    journals: new JournalDirectory(files, stateDirectory),
    audit: new AuditLog(files, stateDirectory),
    reserve: new SpaceReserve(driver, boot),
    describer,
    rebootNote: createRebootNote({
      files,
      boot,
      readSituation: () => readRebootSituation({ driver, target, index, bootId }),
      runDirectory,
    }),
    loginMessage: createLoginMessageFile(files, runDirectory),
    files,
    lock: createFlockLock(systemClock),
    clock: systemClock,
    log,
    actor,
    bootId,
    isAlive: isProcessAlive,
    power: createSystemdPower(runner),
    units,
    systemJournal: target.live ? createSystemJournal(runner) : null,
    foreignPrograms: createForeignPrograms(runner),
    faults: faultPointsFrom(process.env['BELAY_FAULT'], {
      // Signal 9 to process group 0: this process and all that it started in its group.
      kill: () => process.kill(0, 'SIGKILL'),
      stop: () => process.kill(process.pid, 'SIGSTOP'),
      panic: () => files.append('/proc/sysrq-trigger', 'c'),
    }),
    randomHex: () => randomBytes(2).toString('hex'),
  }
}

type RootOf = (be: BeName) => Promise<string>

/** A policy that cannot be read must not keep anybody from looking; what changes the machine refuses it. */
const readPolicy = async (files: Files, target: Target, rootOf: RootOf, isOurs: () => Promise<boolean>): Promise<{ policy: Policy; problem: Error | null }> => {
  try {
    const own = await pathInside(files, target.root, CONFIG_FILE)
    const path = (await files.stat(own)) === null && !(await isOurs()) ? await policyOfGood(files, target, rootOf) : own
    const stat = path === null ? null : await files.stat(path)
    if (path === null) return { policy: defaultPolicy(), problem: null }
    if (stat === null) {
      throw new RefusedError(POLICY_MISSING, `${CONFIG_FILE} is missing, and without it belay does not know what this appliance keeps`, {
        next: ['belay doctor --fix   (takes over the one of another version)', `put ${CONFIG_FILE} back from a backup`],
        data: { file: path },
      })
    }
    if (stat.kind !== 'file')
      throw new InvalidFileError(`${path} is not a file`, { next: ['man belay-config.yaml   (says what belongs there)'], data: { file: path } })
    return { policy: parsePolicy(await files.readText(path), path), problem: null }
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return { policy: defaultPolicy(), problem: error }
  }
}

/** The root that init cloned has no policy, and what is finished or mended from there is the next version's: the one that GRUB starts says what goes. */
const policyOfGood = async (files: Files, target: Target, rootOf: RootOf): Promise<string | null> => {
  const env = await pathInside(files, target.root, `${GRUB_PARTITION}/${LAYOUT.env}`)
  if ((await files.stat(env))?.kind !== 'file') return null
  const { choice } = parseEnvBlock(await files.readBytes(env))
  return choice === null ? null : pathInside(files, await rootOf(choice.good), CONFIG_FILE)
}

const readDataFormat = async (files: Files, policy: Policy, rootDirectory: string): Promise<string | null> => {
  const { dataFormat } = policy.packages
  if (dataFormat === null) return null
  const path = await pathInside(files, rootDirectory, dataFormat)
  return (await files.stat(path)) === null ? null : parseDataFormat(await files.readText(path), path)
}
