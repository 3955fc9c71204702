import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { BugError, ToolError } from '../../src/errors.ts'

/** The program that measures; inside a root it is found in the peers' directory. */
export const TIMER = join(import.meta.dirname, 'time-command.bash')

/** Parses what the timer prints. @throws ToolError when the command failed, for the command that was measured */
export const parseTimed = (printed: string, command: readonly string[]): number => {
  const [first = '', ...output] = printed.split('\n')
  const [, status, microseconds] = /^(\d+) (\d+)$/.exec(first) ?? []
  if (status === undefined || microseconds === undefined) throw new BugError(`the timer printed: ${printed.slice(0, 200)}`)
  if (status !== '0') throw new ToolError(command[0] ?? '', command.slice(1), Number(status), output.slice(-20).join('\n'))
  return Number(microseconds) / 1000
}

/**
 * Runs a whole process on this machine. The event loop stays free: it may be serving the archive that the process downloads from.
 * @returns milliseconds from fork to exit
 * @throws ToolError when its status is not 0
 */
export const timeCommand = async (command: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}): Promise<number> => {
  const child = spawn(TIMER, command, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LC_ALL: 'C.UTF-8', ...env } })
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')])
  return parseTimed(printed, command)
}
