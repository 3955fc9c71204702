import { BelayError } from '../../errors.ts'
import type { Files, Log, Units } from '../../sys/ports.ts'
import { parseProcStat } from '../../sys/proc-stat.ts'
import { type Ancestor, findAptOwner } from '../apt-owner.ts'
import type { AptRuns } from '../apt-runs.ts'
import { isUnmergedUpdate } from '../dpkg-problems.ts'
import { DPKG_LOCKS, readUpdates } from './dpkg.ts'
import { findLockHolder } from './file-lock.ts'

const NOTE = 'belay/upgrade'
const UNIT = 'belay-upgrade.service'
/** It is there when systemd is what the machine was booted with: sd_booted(3). */
const SYSTEMD = 'systemd/system'
const STATUS = '/var/lib/dpkg/status'
/** More than any tree of processes has levels. */
const LEVELS = 100

interface AptRunsOptions {
  readonly files: Files
  readonly log: Log
  readonly root: string
  /** Process whose ancestors are looked at. */
  readonly pid: number
  /** `/run` of the machine; null for an appliance that is only mounted. */
  readonly runDirectory: string | null
  readonly units: Units | null
}

const readProcess = async (files: Files, pid: number): Promise<(Ancestor & { readonly parent: number }) | null> => {
  const stat = parseProcStat(await files.readText(`/proc/${String(pid)}/stat`).catch(() => ''))
  if (stat === null) return null
  const command = await files.readText(`/proc/${String(pid)}/cmdline`).catch(() => '')
  return { pid, startTime: stat.startTime, name: stat.name, parent: stat.parent, command: command.split('\0').slice(0, -1) }
}

/** The parent of a process, its parent and so on, as proc(5) tells of them. */
const readAncestors = async (files: Files, pid: number): Promise<Ancestor[]> => {
  const ancestors: Ancestor[] = []
  let next = (await readProcess(files, pid))?.parent ?? 0
  while (next > 0 && ancestors.length < LEVELS) {
    const process = await readProcess(files, next)
    if (process === null) break
    ancestors.push(process)
    next = process.parent
  }
  return ancestors
}

/** What libexec/before-apt and libexec/wait-for-upgrade read: `PID START process` or `PID START lock` in /run/belay/upgrade. */
export const createAptRuns = ({ files, log, root, pid, runDirectory, units }: AptRunsOptions): AptRuns => {
  const lockHolder = async (): Promise<number | null> => (await findLockHolder(files, root, DPKG_LOCKS))?.pid ?? null
  return {
    lockHolder,
    async owner() {
      return findAptOwner(await readAncestors(files, pid), await lockHolder())
    },
    async begin({ pid: owner, startTime, until }) {
      if (runDirectory === null) return
      await files.makeDirectory(`${runDirectory}/belay`, 0o755)
      await files.writeAtomic(`${runDirectory}/${NOTE}`, `${String(owner)} ${startTime} ${until}\n`, 0o644)
      if (units === null || (await files.stat(`${runDirectory}/${SYSTEMD}`)) === null) return
      await units.start([UNIT]).catch((error: unknown) => {
        if (!(error instanceof BelayError)) throw error
        // While the machine goes down no unit starts. What closes the run then is belay-shutdown.service, as it is stopped.
        log.warn(`${UNIT} does not start`, { error: error.message })
      })
    },
    async end() {
      if (runDirectory !== null) await files.remove(`${runDirectory}/${NOTE}`)
    },
    // dpkg writes its status beside and renames it, after it has written each change to a file of its own in updates, which a dpkg that is killed leaves
    // (dbmodify.c, dpkg 1.21 and 1.22); a snapshot has inode and time of its original.
    async isUntouchedSince(rootDirectory) {
      if ((await readUpdates(files, root)).some(isUnmergedUpdate)) return false
      const [then, now] = await Promise.all([files.stat(`${rootDirectory}${STATUS}`), files.stat(`${root === '/' ? '' : root}${STATUS}`)])
      return then !== null && now !== null && then.inode === now.inode && then.mtimeNs === now.mtimeNs && then.size === now.size
    },
  }
}
