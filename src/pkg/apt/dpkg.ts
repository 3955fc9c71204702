import type { Clock, Files, Runner } from '../../sys/ports.ts'
import { findDpkgProblems } from '../dpkg-problems.ts'
import { type StatusEntry, parseDpkgStatus } from '../dpkg-status.ts'
import type { DpkgProblem, DpkgState } from '../packages.ts'
import { findLockHolder } from './file-lock.ts'

const DPKG = '/usr/bin/dpkg'
const ADMIN = '/var/lib/dpkg'
/** Files that whoever changes packages has locked. */
export const DPKG_LOCKS = [`${ADMIN}/lock-frontend`, `${ADMIN}/lock`]

const below = (root: string, path: string): string => `${root === '/' ? '' : root}${path}`

/** dpkg's status of a root directory, which may be read-only. @throws NotFoundError when there is no Debian system in it. */
export const readDpkgStatus = async (files: Files, root: string): Promise<StatusEntry[]> =>
  parseDpkgStatus(await files.readText(below(root, `${ADMIN}/status`)))

/** Names in dpkg's directory of changes that are not merged into its status. */
export const readUpdates = async (files: Files, root: string): Promise<readonly string[]> => {
  const updates = below(root, `${ADMIN}/updates`)
  return (await files.stat(updates)) === null ? [] : files.list(updates)
}

interface DpkgOptions {
  readonly files: Files
  /** Runs on this machine, not inside the root: reading needs no tool of the root's. */
  readonly runner: Runner
  readonly root: string
  readonly enterRoot: string
}

const readFindings = async ({ files, runner, root }: DpkgOptions) => {
  const [entries, updates, audit] = await Promise.all([
    readDpkgStatus(files, root),
    readUpdates(files, root),
    // Status 1 comes with a list of what is wrong (dpkg 1.21).
    runner.run(DPKG, [`--root=${root}`, '--audit'], { expect: [0, 1] }),
  ])
  return { entries, updates, audit: audit.stdout }
}

const commandLineOf =
  ({ root, enterRoot }: DpkgOptions) =>
  (command: string): string =>
    root === '/' ? command : `${enterRoot} ${root} ${command}`

/** Whether dpkg has everything in order. */
export const readDpkgState = async (options: DpkgOptions): Promise<DpkgState> => {
  const [findings, lockHolder] = await Promise.all([readFindings(options), findLockHolder(options.files, options.root, DPKG_LOCKS)])
  return { problems: findDpkgProblems({ ...findings, lockHolder }, commandLineOf(options)), lockHolder: lockHolder?.pid ?? null }
}

const PATIENCE_WITH_LOCK_MS = 15_000
const LOOK_AGAIN_MS = 500

/**
 * What a run of apt left that is not in order. A program that holds dpkg's lock for a moment, as those do that only look for updates, is waited for. One that
 * holds it longer changes no packages: apt's hook would wait for belay first.
 */
export const readWhatIsLeft = async (options: DpkgOptions, clock: Clock): Promise<readonly DpkgProblem[]> => {
  const until = clock.now().getTime() + PATIENCE_WITH_LOCK_MS
  while ((await findLockHolder(options.files, options.root, DPKG_LOCKS)) !== null && clock.now().getTime() < until) await clock.pause(LOOK_AGAIN_MS)
  return findDpkgProblems({ ...(await readFindings(options)), lockHolder: null }, commandLineOf(options))
}
