import { InvalidFileError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'
import type { BootFiles } from '../snap/boot-files.ts'
import type { BootEnvironment, BootSetRecord, Index, Volume } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import { mountAt, parseMountInfo } from '../sys/mount-table.ts'
import type { Clock, Files, Runner, Settler } from '../sys/ports.ts'
import type { BootChoice } from './boot-choice.ts'
import type { BootLoader } from './boot-loader.ts'
import { BootSets } from './boot-set.ts'
import { copyBoot } from './copy-boot.ts'
import { GRUB_CFG_HEADING, grubCfg } from './grub-cfg.ts'
import { GrubPartition } from './grub-partition.ts'
import { LAYOUT } from './grub-partition-layout.ts'
import { kernelArguments, type RootFilesystem } from './kernel-arguments.ts'
import { planMenu, type MenuCandidate } from './menu.ts'
import { entryFile, menuFragment } from './menu-fragment.ts'
import { readFragment } from './menu-fragment-reader.ts'

interface GrubBootFilesOptions {
  readonly files: Files
  readonly runner: Runner
  /** Path of libexec/list-initrd. */
  readonly listInitrd: string
  readonly settler: Settler
  readonly clock: Clock
  /** Where the GRUB partition is mounted. */
  readonly directory: string
  /** A mount point of the filesystem that holds it. */
  readonly filesystem: string
  readonly policy: Policy
  readonly bootRoot: (root: Volume) => RootFilesystem
  /** IANA name of the zone in which the menu tells the time. */
  readonly timeZone: () => Promise<string>
  readonly bootLoader: BootLoader
}

const PRODUCT = 'Debian'

/** A menu stays right when the version that runs has another time zone than the one that wrote it. */
const withoutTimes = (fragment: string): string => fragment.replaceAll(/ - \d{4}-\d\d-\d\d \d\d:\d\d\b/g, '')

/** The port of snap/ on the real GRUB partition: turns records of the index into GRUB's files. */
export const createGrubBootFiles = (options: GrubBootFilesOptions): BootFiles => {
  const { files, policy, directory } = options
  const partition = new GrubPartition({ files, settler: options.settler, mountpoint: directory })
  const sets = new BootSets({
    files,
    runner: options.runner,
    settler: options.settler,
    clock: options.clock,
    listInitrd: options.listInitrd,
    mountpoint: directory,
  })
  const argumentsOf = (be: BeName, root: RootFilesystem): string[] =>
    kernelArguments({ be, root, panicSeconds: policy.boot.panicSeconds, deadlineSeconds: policy.trial.deadline, extra: policy.boot.kernelArguments })
  const entryText = (be: BeName, root: RootFilesystem): string => entryFile({ be, title: `${PRODUCT} - ${be}`, arguments: argumentsOf(be, root) })
  const recordOf = ({ kernelVersion, vmlinuz, initrd, verifiedAt }: BootSetRecord): BootSetRecord => ({ kernelVersion, vmlinuz, initrd, verifiedAt })

  const candidateOf = (index: Index, be: BootEnvironment, choice: BootChoice): MenuCandidate | null => {
    const root = be.members.find((member) => member.role === 'root')
    if (be.bootSet === null || root === undefined) return null
    const generation = index.generations.find((candidate) => candidate.id === be.standsFor) ?? null
    return {
      be: be.name,
      generation: generation?.id ?? null,
      createdAt: generation?.createdAt ?? be.createdAt,
      origin: be.origin,
      reason: generation?.reason.text ?? '',
      kernelVersion: be.bootSet.kernelVersion,
      isCurrent: be.name === choice.good || be.name === choice.trial,
      keep: generation?.keep ?? false,
      isFactory: generation !== null && index.factory === generation.id,
      arguments: argumentsOf(be.name, options.bootRoot(root.volume)),
    }
  }

  /** From the index and the choice alone, without what GRUB itself changes at a boot: a menu that is right stays right when another version runs. */
  const fragmentOf = async (index: Index, { good, trial, attemptsLeft }: BootChoice): Promise<string> => {
    const choice: BootChoice = { good, trial, attemptsLeft, once: null }
    const offered = new Set(await sets.list())
    const candidates = index.bootEnvironments.flatMap((be) => (offered.has(be.name) ? (candidateOf(index, be, choice) ?? []) : []))
    const menu = planMenu({ product: PRODUCT, candidates, choice, frontEntries: policy.boot.menuEntries, timeZone: await options.timeZone() })
    return menuFragment(menu, { confirmed: choice.good })
  }

  const grubCfgText = (): string =>
    grubCfg({ timeoutSeconds: policy.boot.timeoutSeconds, terminal: policy.boot.serial === null ? {} : { serial: policy.boot.serial } })
  const textOf = async (path: string): Promise<string | null> =>
    (await files.stat(partition.path(path))) === null ? null : files.readText(partition.path(path))

  const isGrubCfgOurs = async (): Promise<boolean> => {
    const ours = grubCfgText()
    return (await textOf(LAYOUT.grubCfg)) === ours && (await textOf(LAYOUT.grubCfgCopy)) === ours && (await textOf(LAYOUT.released)) === null
  }

  const wasInstalled = async (): Promise<boolean> => (await textOf(LAYOUT.grubCfgCopy)) !== null

  const readsChoice = async (): Promise<boolean> =>
    (await textOf(LAYOUT.grubCfg))?.startsWith(GRUB_CFG_HEADING) === true && (await textOf(LAYOUT.released)) === null

  const installGrubCfg = async (): Promise<void> => {
    if (await isGrubCfgOurs()) return
    const before = await textOf(LAYOUT.grubCfg)
    const ours = grubCfgText()
    await partition.prepare()
    if (before !== null && before !== ours && (await textOf(LAYOUT.before)) === null) await files.writeAtomic(partition.path(LAYOUT.before), before, 0o644)
    await partition.change({ grubCfg: ours })
    await files.remove(partition.path(LAYOUT.released))
    await partition.settle()
    await options.bootLoader.installStub()
  }

  const readable = (be: BeName) =>
    sets.read(be).catch((error: unknown) => {
      if (error instanceof InvalidFileError) return null
      throw error
    })

  return {
    directories: [directory, partition.path(LAYOUT.directory)],
    async readChoice() {
      const { choice, problems } = await partition.readEnv()
      return { choice, problems }
    },
    async writeChoice(choice) {
      await partition.prepare()
      // A choice means nothing to somebody else's grub.cfg. One of belay's stays, also where no policy says what it should hold.
      if ((await wasInstalled()) && !(await readsChoice())) await installGrubCfg()
      await partition.change({ choice })
    },
    forgetEndedTrial: (running) => partition.forgetEndedTrial(running),
    async forgetChoice() {
      await files.remove(partition.path(LAYOUT.env))
      await partition.settle()
    },
    async writeMenu(index, choice) {
      await partition.change({ fragment: await fragmentOf(index, choice) })
      // Once the package was removed Debian's menu starts the machine, until a version is chosen again.
      if ((await wasInstalled()) && (await textOf(LAYOUT.released)) === null) await installGrubCfg()
    },
    async confirmedInMenu() {
      const written = await textOf(LAYOUT.fragment)
      return written === null ? null : readFragment(written).confirmed
    },
    async isMenuCurrent(index, choice) {
      const written = await textOf(LAYOUT.fragment)
      return written !== null && withoutTimes(written) === withoutTimes(await fragmentOf(index, choice))
    },
    copyBoot: (from, to) => copyBoot({ files, runner: options.runner }, from, to),
    async buildBootSet(be, rootDirectory, root) {
      await partition.prepare()
      return recordOf(await sets.build({ rootDirectory, be, filesystem: root.driver, entryText: entryText(be, root) }))
    },
    async shareBootSet(from, to, root) {
      return recordOf(await sets.share({ from, to, entryText: entryText(to, root) }))
    },
    async recordOf(be) {
      const record = await readable(be)
      return record === null ? null : recordOf(record)
    },
    async poolFeaturesOf(be) {
      return (await readable(be))?.poolFeatures ?? null
    },
    removeBootSet: (be) => sets.remove(be),
    removeOrphans: () => sets.removeOrphans(),
    isInStep: (be, rootDirectory, root) => sets.isInStep({ be, rootDirectory, filesystem: root.driver }),
    async faultsOf(be, thorough) {
      return (await sets.check(be, { thorough })).map((problem) => problem.message)
    },
    bootSets: () => sets.list(),
    installGrubCfg,
    async restoreGrubCfg() {
      const before = await textOf(LAYOUT.before)
      if (before === null) return
      await files.writeAtomic(partition.path(LAYOUT.released), '', 0o644)
      await files.writeAtomic(partition.path(LAYOUT.grubCfg), before)
      await partition.settle()
      await files.remove(partition.path(LAYOUT.before))
    },
    isGrubCfgOurs,
    async space() {
      const { free, total } = await files.space(directory)
      return { free, total }
    },
    async readOnlyAt() {
      const mount = mountAt(parseMountInfo(await files.readText('/proc/self/mountinfo')), options.filesystem)
      return mount?.readOnly === true ? mount.mountpoint : null
    },
    makeReserve: (bytes) => (bytes === 0 ? partition.releaseReserve() : partition.makeReserve(bytes)),
    reserved: () => partition.reserved(),
    releaseReserve: () => partition.releaseReserve(),
  }
}
