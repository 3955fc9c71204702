import type { Actor, Files, Runner } from './sys/ports.ts'

const UMOUNT = '/usr/bin/umount'
const RMDIR = '/usr/bin/rmdir'

interface Sweep {
  readonly files: Files
  readonly runner: Runner
  /** Holds a directory `PID-STARTTIME` for each belay that runs, with the top level of its pool mounted at `top`. */
  readonly directory: string
  readonly isAlive: (process: Pick<Actor, 'pid' | 'startTime'>) => Promise<boolean>
}

/**
 * Take away mounts that a killed belay left behind. Never fails: what cannot be swept now, because it is in use or because another belay sweeps it at the same
 * time, must not keep this one from its work. Only empty directories are removed, so that no failed unmount can cost what is mounted.
 */
export const sweepWorkDirectories = async ({ files, runner, directory, isAlive }: Sweep): Promise<void> => {
  const quietly = async (tool: string, args: readonly string[]): Promise<void> => {
    await runner.run(tool, args).catch(() => undefined)
  }
  const names = await files.list(directory).catch(() => [])
  for (const name of names) {
    const [, pid, startTime] = /^(\d+)-(\d+)$/.exec(name) ?? []
    if (pid === undefined || startTime === undefined || (await isAlive({ pid: Number(pid), startTime }))) continue
    // Lazily: somebody may stand in it.
    await quietly(UMOUNT, ['--lazy', '--', `${directory}/${name}/top`])
    await quietly(RMDIR, ['--', `${directory}/${name}/top`, `${directory}/${name}`])
  }
}
