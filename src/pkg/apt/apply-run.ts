import { type BelayError, ChangedError, FailedError } from '../../errors.ts'
import { sameChanges } from '../order-runs.ts'
import type { InstalledPackage, PackageChange, PackageRun, PackageWork } from '../packages.ts'
import { explainAptFailure } from './apt-failure.ts'
import type { AptGet, AptRun, Pins } from './apt-get.ts'

const UNTOUCHED = { dpkgBegan: false } as const

interface RunOptions {
  readonly apt: AptGet
  readonly run: PackageRun
  readonly native: string
  readonly conffiles: 'keep' | 'new'
  readonly work: PackageWork
  /** What apt would do now for these pins. */
  readonly rehearse: (pins: Pins) => Promise<readonly PackageChange[]>
  readonly installed: () => Promise<readonly InstalledPackage[]>
}

/** One apt run, with the same versions as in the plan before it and on disk after it. All errors carry `data.dpkgBegan`. */
export const applyRun = async ({ apt, run, native, conffiles, work, rehearse, installed }: RunOptions): Promise<void> => {
  const aborted = (): boolean => work.signal.aborted
  if (aborted()) throw interrupted(run, false)
  const pins: Pins = { changes: run.packages, native }
  const now = await rehearse(pins).catch((cause: unknown) => {
    throw changedSince(run, cause instanceof Error ? cause.message : String(cause), { cause })
  })
  if (!sameChanges(run.packages, now))
    throw changedSince(run, `it would change ${now.map(({ name }) => name).join(', ') || 'nothing'}`, { data: { planned: run.packages, now } })
  if (aborted()) throw interrupted(run, false)
  // apt 2.6 takes an upgrade to a version that was named for a wish to have the package; apt 3.0 does not.
  const upgraded = run.packages.filter(({ from, to }) => from !== null && to !== null)
  const automatic = await apt.automaticAmong(upgraded, native).catch((cause: unknown) => {
    throw new FailedError('marks', `${run.label}: apt does not tell which packages nobody asked for`, { rebootRequired: false, cause, data: UNTOUCHED })
  })
  if (aborted()) throw interrupted(run, false)
  const ended = await apt.install(pins, conffiles, work)
  if (ended.status !== 0 || ended.errors.length > 0) throw failureOf(run, ended, aborted())
  const missing = unfulfilled(run, await installed())
  if (missing.length > 0) throw aborted() ? interrupted(run, ended.dpkgBegan) : incomplete(run, missing, ended.dpkgBegan)
  await apt.markAutomatic([...automatic, ...run.packages.filter((change) => change.automatic === true)], native)
}

const changedSince = (
  run: PackageRun,
  how: string,
  { cause, data }: { readonly cause?: unknown; readonly data?: Readonly<Record<string, unknown>> },
): ChangedError =>
  new ChangedError(`${run.label}: apt would no longer do what was planned: ${how}`, {
    next: ['belay upgrade   # plans again'],
    cause,
    data: { ...data, ...UNTOUCHED },
  })

const unfulfilled = (run: PackageRun, installed: readonly InstalledPackage[]): PackageChange[] => {
  const versions = new Map(installed.map(({ name, arch, version }) => [`${name}:${arch}`, version]))
  return run.packages.filter(({ name, arch, to }) => (versions.get(`${name}:${arch}`) ?? null) !== to)
}

const failureOf = (run: PackageRun, { dpkgBegan, errors, stdout, stderr }: AptRun, aborted: boolean): BelayError => {
  if (aborted) return interrupted(run, dpkgBegan)
  if (!dpkgBegan) return explainAptFailure({ stderr, doing: run.label, pinned: true, data: UNTOUCHED })
  const reasons = errors.map((error) => `${error.package}: ${error.text}`)
  const said = saidByScript(stdout)
  const reason = reasons.length > 0 ? `${reasons.join('; ')}${said.length > 0 ? ` (${said.join('; ')})` : ''}` : stderr.trim().slice(-500)
  return new FailedError('packages-failed', `${run.label}: ${reason}`, { rebootRequired: true, data: { dpkgBegan, errors, said } })
}

const LINES_SAID = 3

/**
 * The last lines that a failed package's script wrote: its reason in its own words. apt gives dpkg a terminal of its own, whose output (dpkg 1.21 and 1.22,
 * C locale) is on apt's standard output.
 */
export const saidByScript = (output: string): string[] => {
  const lines = output.split('\n').map((line) => line.trim())
  const end = lines.findLastIndex((line) => line.startsWith('dpkg: error processing '))
  const begin = lines
    .slice(0, Math.max(end, 0))
    .findLastIndex((line) => /^(?:Setting up|Preparing to unpack|Unpacking|Removing|Purging|Processing triggers for) /.test(line))
  if (end === -1 || begin === -1) return []
  const said = lines.slice(begin + 1, end).filter((line) => line !== '')
  return said.slice(-LINES_SAID).map((line) => line.slice(0, 200))
}

const interrupted = (run: PackageRun, dpkgBegan: boolean): FailedError =>
  new FailedError('interrupted', `${run.label}: interrupted ${dpkgBegan ? 'after dpkg had begun' : 'before anything was changed'}`, {
    rebootRequired: dpkgBegan,
    data: { dpkgBegan },
  })

const incomplete = (run: PackageRun, missing: readonly PackageChange[], dpkgBegan: boolean): FailedError =>
  new FailedError('packages-incomplete', `${run.label}: apt ended well, but did not do all: ${missing.map(({ name }) => name).join(', ')}`, {
    rebootRequired: dpkgBegan,
    data: { dpkgBegan, missing },
  })
