import { ChangedError, FailedError, NotFoundError, RefusedError } from '../../errors.ts'
import type { Clock, Files, Runner } from '../../sys/ports.ts'
import { decideConffiles } from '../conffile-decisions.ts'
import { decideDebconf, parseTemplates } from '../debconf-decisions.ts'
import { type StatusEntry, installedPackages, nativeArchitecture } from '../dpkg-status.ts'
import { orderRuns, prefixesOf, proposeRuns } from '../order-runs.ts'
import { parsePackageRequest } from '../package-name.ts'
import type { DebconfAnswer, PackageChange, PackageRun, Packages, StagedPackages } from '../packages.ts'
import { packagesAskForReboot } from '../reboot-flag.ts'
import { applyRun } from './apply-run.ts'
import { readInstalledSizes, sizeKey } from './apt-cache.ts'
import { AptGet, type Pins } from './apt-get.ts'
import { type LocatedChange, locateArchives } from './archive-finder.ts'
import { pathOfFileUri } from './archive-uris.ts'
import { readDebconfDatabase, setDebconfSelections } from './debconf.ts'
import { readDpkgState, readDpkgStatus, readWhatIsLeft } from './dpkg.ts'
import { keepDefaults } from './keep-defaults.ts'
import { readDigests } from './md5sum.ts'
import { PackageArchives } from './package-archive.ts'
import { readReleaseFacts } from './release-facts.ts'
import { runnerInRoot } from './runner-in-root.ts'
import { toChanges } from './simulated-changes.ts'
import type { SimulationOutput } from './simulation-output.ts'
import { changeSourceFiles } from './source-files.ts'
import { SourceStage } from './source-stage.ts'

/** Where Debian's packages leave it that a reboot is needed. */
const REBOOT_FLAG = '/run/reboot-required'

interface AptPackagesOptions {
  readonly files: Files
  readonly runner: Runner
  readonly clock: Clock
  /** `/`, or the absolute path of a mounted root. */
  readonly root: string
  /** Absolute paths of the programs in libexec. */
  readonly enterRoot: string
  readonly besideGrubCfg: string
  readonly readDeb: string
  readonly policy: { readonly conffiles: 'keep' | 'new'; readonly debconf: readonly DebconfAnswer[] }
}

/** apt, dpkg and debconf of a root directory. */
export const createAptPackages = (options: AptPackagesOptions): Packages => packagesBy(options, runnerInRoot(options.runner, options.root, options), 'upgrade')

/**
 * @param inside runs tools in the root
 * @param whole how everything is upgraded: a full upgrade removes packages where it has to
 */
const packagesBy = (options: AptPackagesOptions, inside: Runner, whole: 'upgrade' | 'full upgrade'): Packages => {
  const { files, runner, clock, root, enterRoot, readDeb, policy } = options
  const apt = new AptGet(inside)
  const archives = new PackageArchives(runner, readDeb)
  const state = () => readDpkgState({ files, runner, root, enterRoot })
  const status = () => readDpkgStatus(files, root)

  const pin = async (changes: readonly PackageChange[]): Promise<Pins> => ({ changes, native: nativeOf(await status()) })
  const changesOf = (runs: readonly PackageRun[]): PackageChange[] => runs.flatMap((run) => run.packages)
  const locate = async (runs: readonly PackageRun[]): Promise<LocatedChange[]> => locateArchives({ files, apt, root }, await pin(changesOf(runs)))

  const rehearse = async (pins: Pins): Promise<PackageChange[]> => {
    const { changes } = await apt.simulatePins(pins)
    return toChanges(changes, await status(), pins.native, [])
  }

  const rehearsable = async (changes: readonly PackageChange[]): Promise<PackageChange[] | null> => {
    try {
      return await rehearse(await pin(changes))
    } catch (error) {
      if (error instanceof RefusedError || error instanceof ChangedError) return null
      throw error
    }
  }

  const packages: Packages = {
    state,

    installed: async (rootDirectory = root) => installedPackages(await readDpkgStatus(files, rootDirectory)),

    refresh: (work) => apt.update(work),

    simulate: async (requested) => {
      const requests = requested.map(parsePackageRequest)
      const { changes: simulated, keptBack } = await simulateBy(apt, whole, requested)
      const entries = await status()
      const native = nativeOf(entries)
      const names = requests.map(({ name }) => name)
      // apt takes a name that nobody has for a pattern when it holds a dot or a plus.
      const unknown = names.find((name) => !simulated.some((change) => change.name === name) && !entries.some((entry) => entry.name === name))
      if (unknown !== undefined)
        throw new NotFoundError(`there is no package ${unknown} in the archives`, { next: ['apt-get update'], data: { package: unknown } })
      const changes = toChanges(simulated, entries, native, names)
      if (changes.length === 0) return { changes, keptBack, downloadBytes: 0, diskBytes: 0, unpackedBytes: 0 }
      const [uris, sizes] = await Promise.all([apt.uris({ changes, native }, { all: false }), readInstalledSizes(inside, changes)])
      const downloads = uris.filter((uri) => pathOfFileUri(uri) === null)
      return {
        changes,
        keptBack,
        downloadBytes: downloads.reduce((sum, { bytes }) => sum + bytes, 0),
        diskBytes: growth(changes, sizes, entries),
        unpackedBytes: changes.reduce((sum, change) => sum + (sizes.get(sizeKey(change)) ?? 0), 0),
      }
    },

    order: async ({ changes }) => {
      const proposed = proposeRuns(changes)
      const simulated: (PackageChange[] | null)[] = []
      for (const prefix of prefixesOf(proposed)) simulated.push(await rehearsable(prefix))
      return orderRuns(proposed, simulated)
    },

    download: async (runs, work) => {
      await apt.download(await pin(changesOf(runs)), work)
    },

    decide: async (runs) => {
      const located = await locate(runs)
      const recorded = new Map((await status()).flatMap((entry) => entry.conffiles.map(({ path, digest }) => [path, digest] as const)))
      const shipped: { path: string; by: string; shipped: string }[] = []
      const asked: { package: string; templates: ReturnType<typeof parseTemplates> }[] = []
      for (const { change, archive } of located) {
        const digests = await archives.digests(archive, await archives.conffiles(archive))
        for (const [path, digest] of digests) shipped.push({ path, by: `${change.name} ${String(change.to)}`, shipped: digest })
        const templates = await archives.controlFile(archive, 'templates')
        asked.push({ package: change.name, templates: templates === null ? [] : parseTemplates(templates) })
      }
      const present = await readDigests(
        inside,
        shipped.map(({ path }) => path),
      )
      const conffiles = decideConffiles(
        shipped.map((file) => ({ ...file, recorded: recorded.get(file.path) ?? null, present: present.get(file.path) ?? null })),
        policy.conffiles,
      )
      const debconf = decideDebconf(asked, await readDebconfDatabase(files, root), policy.debconf)
      return { decisions: [...conffiles, ...debconf.decisions], answers: debconf.answers }
    },

    keepDefaults: async (runs, directory) => keepDefaults(files, archives, await locate(runs), directory),

    fileAfter: async (runs, path) => {
      for (const { archive } of await locate(runs)) {
        const digests = await archives.controlFile(archive, 'md5sums')
        // A package may come without md5sums; only then its whole content is looked through.
        if (digests !== null && !digests.includes(`  ${path.slice(1)}\n`)) continue
        const text = await archives.print(archive, path)
        if (text !== null) return text
      }
      return null
    },

    preseed: (answers) => setDebconfSelections(inside, answers),

    apply: async (run, conffiles, work) => {
      const { native } = await pin([])
      return applyRun({ apt, run, native, conffiles, work, rehearse, installed: () => packages.installed() })
    },

    verify: async () => {
      const problems = await readWhatIsLeft({ files, runner, root, enterRoot }, clock)
      if (problems.length === 0) return
      throw new FailedError('packages-broken', problems.map(({ text }) => text).join('; '), {
        rebootRequired: true,
        next: [...new Set(problems.map(({ remedy }) => remedy))],
        data: { problems },
      })
    },

    // What a mounted root asks for concerns the machine that will boot it, and its /run is private to enter-root.
    rebootRequired: async () => {
      if (root !== '/' || (await files.stat(REBOOT_FLAG)) === null) return false
      const names = (await files.stat(`${REBOOT_FLAG}.pkgs`)) === null ? '' : await files.readText(`${REBOOT_FLAG}.pkgs`)
      return packagesAskForReboot(await files.readText(REBOOT_FLAG), names)
    },

    releaseFacts: () => readReleaseFacts(files, root),

    changeSources: (changes) => changeSourceFiles(files, root, changes),

    stageSources: async (changes, owner): Promise<StagedPackages> => {
      const stage = new SourceStage({ files, inside, root, changes, owner })
      await stage.open()
      return {
        ...packagesBy(options, stage.runner, 'full upgrade'),
        changeSources: (made) => stage.putInPlace(made),
        keepLists: () => stage.keepLists(),
        discard: () => stage.discard(),
      }
    },
  }
  return packages
}

const simulateBy = (apt: AptGet, whole: 'upgrade' | 'full upgrade', requested: readonly string[]): Promise<SimulationOutput> => {
  if (requested.length > 0) return apt.simulateInstall(requested)
  return whole === 'upgrade' ? apt.simulateUpgrade() : apt.simulateFullUpgrade()
}

const nativeOf = (entries: readonly StatusEntry[]): string => {
  const native = nativeArchitecture(entries)
  if (native === null) throw new NotFoundError('dpkg is not installed in this root', { next: ['belay works on Debian systems only'] })
  return native
}

const growth = (changes: readonly PackageChange[], sizes: ReadonlyMap<string, number>, entries: readonly StatusEntry[]): number => {
  const present = new Map(entries.filter((entry) => entry.status !== 'config-files').map((entry) => [`${entry.name}:${entry.arch}`, entry.size]))
  return changes.reduce((sum, change) => sum + (sizes.get(sizeKey(change)) ?? 0) - (present.get(`${change.name}:${change.arch}`) ?? 0), 0)
}
