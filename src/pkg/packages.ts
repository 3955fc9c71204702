import type { OsRelease } from './release/debian-releases.ts'
import type { SourceFileChange } from './release/source-change.ts'
import type { SourceFile } from './release/source-entry.ts'

/**
 * What belay needs from the package system, as types. The adapter for apt and dpkg is in apt/; a fake is in test/fakes and passes the same contract tests.
 */

export interface InstalledPackage {
  readonly name: string
  readonly arch: string
  readonly version: string
}

export interface PackageChange {
  readonly name: string
  readonly arch: string
  /** Null for a package that is new. */
  readonly from: string | null
  /** Null for a package that goes. */
  readonly to: string | null
  readonly action: 'install' | 'upgrade' | 'downgrade' | 'remove' | 'reinstall'
  /** A new package that nobody asked for: others need it, and it may go when they go. */
  readonly automatic?: boolean
}

/** What apt would do. */
export interface Simulation {
  readonly changes: readonly PackageChange[]
  readonly keptBack: readonly string[]
  readonly downloadBytes: number
  /** Growth of the root in bytes; negative when it shrinks. */
  readonly diskBytes: number
  /** All that dpkg writes, in bytes: what it takes the place of stays in the restore point. */
  readonly unpackedBytes: number
}

/** One apt run: exactly these versions and no other package. */
export interface PackageRun {
  /** What people call it: `boot loader`, `kernel`, `application and the rest`. */
  readonly label: string
  readonly packages: readonly PackageChange[]
}

export interface DpkgProblem {
  readonly code: string
  readonly text: string
  /** The exact command. */
  readonly remedy: string
}

export interface DpkgState {
  readonly problems: readonly DpkgProblem[]
  /** Process that holds dpkg's lock. */
  readonly lockHolder: number | null
}

export interface DebconfAnswer {
  readonly package: string
  readonly question: string
  readonly type: string
  readonly value: string
}

/** How a question of a package is answered without asking. */
export interface PackageDecision {
  readonly subject: string
  readonly answer: string
  readonly why: string
}

/** A configuration file that was changed here and by the package, as dpkg handled it. */
export interface ConffileOutcome {
  readonly path: string
  readonly outcome: 'kept' | 'replaced'
}

/** What a release upgrade hangs on. */
export interface ReleaseFacts {
  readonly osRelease: OsRelease
  readonly sources: readonly SourceFile[]
  /** Installed packages that are on hold. */
  readonly held: readonly string[]
  /** Installed packages that say of themselves that the system needs them. */
  readonly essential: readonly string[]
}

export type Progress = (fraction: number, text: string) => void

export interface PackageWork {
  readonly onProgress: Progress
  readonly signal: AbortSignal
  /** What apply did with a configuration file that was changed here and by the package. */
  readonly onConffile?: (outcome: ConffileOutcome) => void
}

/** Who stages sources, so that what a killed belay left can be told from what another one works with. */
export interface StageOwner {
  readonly pid: number
  readonly startTime: string
  readonly isAlive: (process: { readonly pid: number; readonly startTime: string }) => Promise<boolean>
}

export interface Packages {
  state(): Promise<DpkgState>
  /** Packages of a root directory, which may be a read-only snapshot; without one, of the target's root. Sorted by name. */
  installed(rootDirectory?: string): Promise<readonly InstalledPackage[]>
  /** @throws FailedError `archive-unreachable` naming the URI; the lists stay as they were. */
  refresh(work: PackageWork): Promise<void>
  /**
   * An empty list asks for a whole upgrade that removes nothing.
   * @throws UsageError for what is no package name, NotFoundError for an unknown package or version, RefusedError when apt finds no way.
   */
  simulate(packages: readonly string[]): Promise<Simulation>
  /** Apt runs in the order of preference that the solver allows. */
  order(simulation: Simulation): Promise<readonly PackageRun[]>
  /** @throws FailedError `archive-unreachable` or `interrupted`, NoSpaceError, ChangedError when a version has gone from the archive. */
  download(runs: readonly PackageRun[], work: PackageWork): Promise<void>
  /** After the download: what would be asked, and what policy answers. Values of passwords are never among the decisions. */
  decide(runs: readonly PackageRun[]): Promise<{ readonly decisions: readonly PackageDecision[]; readonly answers: readonly DebconfAnswer[] }>
  /** After the download: unpack the packages' own configuration files to DIRECTORY/PACKAGE/…, with an index beside them (kept-defaults.ts). */
  keepDefaults(runs: readonly PackageRun[], directory: string): Promise<void>
  /** After the download: the content of a file as the packages of these runs will install it; null when none of them ships it. */
  fileAfter(runs: readonly PackageRun[], path: string): Promise<string | null>
  preseed(answers: readonly DebconfAnswer[]): Promise<void>
  /**
   * Install exactly what the run says. Aborting lets the dpkg run that is under way end.
   * @throws ChangedError when apt would now do something else; FailedError when apt or a package failed. All errors carry `data.dpkgBegan`: false when nothing was changed yet.
   */
  apply(run: PackageRun, conffiles: 'keep' | 'new', work: PackageWork): Promise<void>
  /** @throws FailedError `packages-broken` when dpkg left something half done. */
  verify(): Promise<void>
  /** Whether a package asked for a reboot since the machine booted; belay's own note of one does not count. */
  rebootRequired(): Promise<boolean>
  /** @throws NotFoundError where there is no Debian system, RefusedError when a part of the sources' path is a symbolic link. */
  releaseFacts(): Promise<ReleaseFacts>
  /** Change files of sources; what was changed already is left. @throws ChangedError when a file is not what the change was made from. */
  changeSources(changes: readonly SourceFileChange[]): Promise<void>
  /** The packages as they are once the sources are changed; what apt has in /etc and its lists stay as they are meanwhile. */
  stageSources(changes: readonly SourceFileChange[], owner: StageOwner): Promise<StagedPackages>
}

/**
 * Packages with sources that are not in place yet. `refresh` comes first and fetches their lists beside those in use; a whole upgrade may remove packages here.
 * `changeSources` puts the sources in place.
 */
export interface StagedPackages extends Packages {
  /** Give the lists to apt, so that nothing of the stage has to stay on disk. They are apt's cache: what no source names is ignored, and goes with the next refresh. */
  keepLists(): Promise<void>
  /** Leave nothing behind. Fine when called again, or after keepLists. */
  discard(): Promise<void>
}
