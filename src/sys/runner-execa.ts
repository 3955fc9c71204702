import { existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { BugError, NotFoundError, ToolError } from '../errors.ts'
import { OutputTail } from './output-tail.ts'
import type { Log, RunOptions, Runner, StreamOptions, ToolResult } from './ports.ts'
import { type Ended, runToEnd } from './run-to-end.ts'

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', HOME: '/root' }

/** How much of a stream is kept for the result, in characters. */
const TAIL = 64 * 1024

/** A daemon started by a maintainer script may keep the pipes open for ever: how long they may outlive the tool, in milliseconds. */
const PIPES_OUTLIVE_TOOL = 500

const optionsFor = (options: RunOptions) => ({
  env: { ...ENVIRONMENT, ...options.env },
  extendEnv: false,
  preferLocal: false,
  reject: false as const,
  stripFinalNewline: false,
  ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
})

/**
 * Runs tools, the long ones with execa. Arguments and results are logged at debug with the duration; the environment and the input, which may hold secrets, never are.
 * execa is loaded with the first long tool, because most commands run none and must start fast.
 */
export function createExecaRunner(log: Log): Runner {
  const timed = async (tool: string, args: readonly string[], options: RunOptions, start: () => Promise<Ended>): Promise<ToolResult> => {
    if (!tool.startsWith('/')) throw new BugError(`a tool must be named by its absolute path, not ${tool}`)
    const began = performance.now()
    const { status, stdout, stderr, cause } = await start()
    log.debug('tool ended', { tool, args, status, milliseconds: Math.round(performance.now() - began) })
    if (status === null && !existsSync(tool)) {
      throw new NotFoundError(`${tool} is not installed`, { next: [`apt-file search ${tool}   # names the package that holds it`], data: { tool }, cause })
    }
    if (status === null) throw new ToolError(tool, args, null, stderr === '' ? (cause?.message ?? '') : stderr, cause)
    if (!(options.expect ?? [0]).includes(status)) throw new ToolError(tool, args, status, stderr)
    return { status, stdout, stderr }
  }

  return {
    run: (tool, args, options = {}) =>
      timed(tool, args, options, () =>
        runToEnd(tool, args, { env: { ...ENVIRONMENT, ...options.env }, input: options.input, timeoutMs: options.timeoutMs, cwd: options.cwd }),
      ),
    stream: (tool, args, options = {}) => timed(tool, args, options, () => stream(tool, args, options)),
  }
}

/** A tool that was ended early has no status that means anything, whatever its exit code. */
function endOf(result: { readonly exitCode?: number; readonly timedOut: boolean; readonly isMaxBuffer: boolean }): Pick<Ended, 'status' | 'cause'> {
  const status = result.timedOut || result.isMaxBuffer ? null : (result.exitCode ?? null)
  return { status, cause: result instanceof Error ? result : undefined }
}

async function stream(tool: string, args: readonly string[], options: StreamOptions): Promise<Ended> {
  const { execa } = await import('execa')
  const stdout = new OutputTail(TAIL, options.onLine)
  const stderr = new OutputTail(TAIL, options.onLine)
  const status = new OutputTail(TAIL, options.onStatusLine)
  const { stdin, ...common } = { stdin: 'pipe' as const, ...optionsFor(options) }
  const subprocess = execa(tool, args, {
    ...common,
    buffer: false,
    detached: options.ownGroup ?? false,
    stdio: [stdin, 'pipe', 'pipe', options.onStatusLine === undefined ? 'ignore' : 'pipe'],
  })
  const pipes: (readonly [Readable, OutputTail])[] = []
  for (const [index, tail] of [undefined, stdout, stderr, status].entries()) {
    const pipe = subprocess.stdio[index]
    if (tail === undefined || !pipe || !('read' in pipe)) continue
    pipe.on('data', (chunk: Uint8Array) => {
      tail.push(chunk)
    })
    pipes.push([pipe, tail])
  }
  const interrupt = () => {
    subprocess.kill('SIGINT')
  }
  if (options.signal?.aborted === true) interrupt()
  options.signal?.addEventListener('abort', interrupt, { once: true })
  subprocess.nodeChildProcess.once('exit', () => {
    setTimeout(() => {
      for (const [pipe] of pipes) pipe.destroy()
    }, PIPES_OUTLIVE_TOOL).unref()
  })
  const result = await subprocess
  options.signal?.removeEventListener('abort', interrupt)
  for (const [, tail] of pipes) tail.end()
  return { ...endOf(result), stdout: stdout.text, stderr: stderr.text }
}
