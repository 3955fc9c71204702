import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const PROGRAM = join(import.meta.dirname, '../../bin/belay.js')

export interface BelayRun {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface BelayOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Show what it prints as it comes, on this process's own terminal; nothing is collected then. */
  readonly show?: boolean
  /** A program with its arguments that runs belay in its place: setpriv, script. */
  readonly through?: readonly [string, ...string[]]
  /** Called with the child's pid once it runs; it leads a process group of its own unless it is shown. */
  readonly onStart?: (pid: number) => void
}

/** The built belay with arguments, as a command line. */
export const belayCommand = (args: readonly string[]): readonly [string, ...string[]] => [process.execPath, PROGRAM, ...args]

/** Runs the built belay as a user would. The event loop stays free: it may be serving the archive that belay downloads from. */
export const runBelay = async (args: readonly string[], options: BelayOptions = {}): Promise<BelayRun> => {
  const [program, ...rest] = [...(options.through ?? []), ...belayCommand(args)] as [string, ...string[]]
  const child = spawn(program, rest, {
    stdio: options.show === true ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    detached: options.show !== true,
    env: { ...process.env, ...options.env },
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  if (child.pid !== undefined) options.onStart?.(child.pid)
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status, signal, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') }
}
