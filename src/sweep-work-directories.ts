import { isAtOrBelow } from './path-within.ts'
import { parseMountInfo } from './sys/mount-table.ts'
import type { Actor, Files, Runner } from './sys/ports.ts'

const UMOUNT = '/usr/bin/umount'
const MOUNT_TABLE = '/proc/self/mountinfo'

interface Sweep {
  readonly files: Files
  readonly runner: Runner
  /** Holds a directory `PID-STARTTIME` for each belay that runs, with what it mounted below. */
  readonly directory: string
  readonly isAlive: (process: Pick<Actor, 'pid' | 'startTime'>) => Promise<boolean>
}

/**
 * Take away mounts that a killed belay left behind. Never fails: what cannot be swept now, because it is in use or because another belay sweeps it at the same
 * time, must not keep this one from its work. Files refuses to remove a directory in which something is mounted still.
 */
export const sweepWorkDirectories = async ({ files, runner, directory, isAlive }: Sweep): Promise<void> => {
  const names = await files.list(directory).catch(() => [])
  for (const name of names) {
    const [, pid, startTime] = /^(\d+)-(\d+)$/.exec(name) ?? []
    if (pid === undefined || startTime === undefined || (await isAlive({ pid: Number(pid), startTime }))) continue
    const left = `${directory}/${name}`
    try {
      const mountpoints = parseMountInfo(await files.readText(MOUNT_TABLE)).map(({ mountpoint }) => mountpoint)
      const innermostFirst = mountpoints.filter((mountpoint) => isAtOrBelow(mountpoint, left)).toSorted((a, b) => b.length - a.length)
      // Lazily: somebody may stand in it.
      for (const mountpoint of innermostFirst) await runner.run(UMOUNT, ['--lazy', '--', mountpoint])
      await files.remove(left)
    } catch {
      continue
    }
  }
}
