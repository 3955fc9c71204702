import { execa } from 'execa'
import { ToolError } from '../src/errors.ts'

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/root' }

export interface ToolOptions {
  /** Text for standard input; without it standard input is empty. */
  readonly input?: string
  /** Exit statuses that are answers rather than failures. Default: only 0. */
  readonly expect?: readonly number[]
  /** Added to a cleaned environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface ToolOutcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a tool of the machine that builds and drives the demonstration appliance, by absolute path and without a shell.
 * @throws ToolError when the status is not expected, or the tool is missing (demo/debian-packages.txt names the packages).
 */
export async function runTool(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolOutcome> {
  const result = await execa(tool, args, {
    env: { ...ENVIRONMENT, ...options.env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const status = result.exitCode ?? null
  const { stdout, stderr } = result
  if (status === null || !(options.expect ?? [0]).includes(status)) {
    throw new ToolError(tool, args, status, stderr === '' && result instanceof Error ? result.message : stderr, result)
  }
  return { status, stdout, stderr }
}
