import type { Files, Runner } from '../../sys/ports.ts'
import { findDpkgProblems } from '../dpkg-problems.ts'
import { type StatusEntry, parseDpkgStatus } from '../dpkg-status.ts'
import type { DpkgState } from '../packages.ts'
import { findLockHolder } from './file-lock.ts'

const DPKG = '/usr/bin/dpkg'
const ADMIN = '/var/lib/dpkg'
/** Files that whoever changes packages has locked. */
export const DPKG_LOCKS = [`${ADMIN}/lock-frontend`, `${ADMIN}/lock`]

const below = (root: string, path: string): string => `${root === '/' ? '' : root}${path}`

/** dpkg's status of a root directory, which may be read-only. @throws NotFoundError when there is no Debian system in it. */
export const readDpkgStatus = async (files: Files, root: string): Promise<StatusEntry[]> =>
  parseDpkgStatus(await files.readText(below(root, `${ADMIN}/status`)))

interface DpkgOptions {
  readonly files: Files
  /** Runs on this machine, not inside the root: reading needs no tool of the root's. */
  readonly runner: Runner
  readonly root: string
  readonly enterRoot: string
}

/** Whether dpkg has everything in order. */
export const readDpkgState = async ({ files, runner, root, enterRoot }: DpkgOptions): Promise<DpkgState> => {
  const commandLine = (command: string): string => (root === '/' ? command : `${enterRoot} ${root} ${command}`)
  const updates = below(root, `${ADMIN}/updates`)
  const [entries, names, lockHolder, audit] = await Promise.all([
    readDpkgStatus(files, root),
    files.stat(updates).then((stat) => (stat === null ? [] : files.list(updates))),
    findLockHolder(files, root, DPKG_LOCKS),
    // Status 1 comes with a list of what is wrong (dpkg 1.21).
    runner.run(DPKG, [`--root=${root}`, '--audit'], { expect: [0, 1] }),
  ])
  return { problems: findDpkgProblems({ entries, updates: names, lockHolder, audit: audit.stdout }, commandLine), lockHolder: lockHolder?.pid ?? null }
}
