import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { BugError, NotFoundError, ToolError } from '../../../src/errors.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'

const log = new RecordingLog()
const runner = createExecaRunner(log)
const shell = (script: string, ...args: string[]) => ['-c', script, 'sh', ...args]

describe('the runner', () => {
  it('gives output back unchanged, with standard input as told or empty', async () => {
    expect(await runner.run('/bin/cat', [], { input: 'a\nb\n' })).toEqual({ status: 0, stdout: 'a\nb\n', stderr: '' })
    expect((await runner.run('/bin/cat', [])).stdout).toBe('')
    expect((await runner.stream('/bin/cat', [], { input: 'a\nb' })).stdout).toBe('a\nb')
    expect((await runner.stream('/bin/cat', [])).stdout).toBe('')
  })

  it('passes arguments as they are, without a shell', async () => {
    const odd = ['a b', '$HOME', '"', '*', '']
    expect((await runner.run('/usr/bin/printf', ['%s|', ...odd])).stdout).toBe(`${odd.join('|')}|`)
  })

  it('cleans the environment', async () => {
    process.env['LD_PRELOAD_OF_A_TEST'] = 'x'
    const expected = ['HOME=/root', 'LC_ALL=C.UTF-8', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'X=1']
    expect((await runner.run('/usr/bin/env', [], { env: { X: '1' } })).stdout.trim().split('\n').sort()).toEqual(expected)
    expect((await runner.stream('/usr/bin/env', [], { env: { X: '1' } })).stdout.trim().split('\n').sort()).toEqual(expected)
    delete process.env['LD_PRELOAD_OF_A_TEST']
  })

  it('throws ToolError with status and stderr, unless the status is expected', async () => {
    const failing = shell('echo no >&2; exit 3')
    await expect(runner.run('/bin/sh', failing)).rejects.toMatchObject({ tool: '/bin/sh', status: 3, stderr: 'no\n' })
    await expect(runner.stream('/bin/sh', failing)).rejects.toMatchObject({ status: 3, stderr: 'no\n' })
    expect(await runner.run('/bin/sh', failing, { expect: [0, 3] })).toEqual({ status: 3, stdout: '', stderr: 'no\n' })
  })

  it('a signal or a time-out is a ToolError without a status, also when the status was expected', async () => {
    await expect(runner.run('/bin/sh', shell('kill -9 $$'))).rejects.toMatchObject({ status: null })
    await expect(runner.run('/bin/sleep', ['60'], { timeoutMs: 50 })).rejects.toBeInstanceOf(ToolError)
    await expect(runner.stream('/bin/sh', shell('trap "exit 0" TERM; sleep 60 & wait'), { timeoutMs: 100 })).rejects.toMatchObject({ status: null })
  })

  it('names a tool that is missing, and refuses one without an absolute path', async () => {
    await expect(runner.run('/usr/bin/no-such-tool', [])).rejects.toMatchObject({ name: NotFoundError.name, data: { tool: '/usr/bin/no-such-tool' } })
    await expect(runner.stream('/usr/bin/no-such-tool', [])).rejects.toBeInstanceOf(NotFoundError)
    await expect(runner.run('true', [])).rejects.toBeInstanceOf(BugError)
  })

  it('reports a tool that may not be executed', async () => {
    await expect(runner.run('/etc/passwd', [])).rejects.toMatchObject({ name: ToolError.name, status: null })
    await expect(runner.stream('/etc/passwd', [])).rejects.toMatchObject({ name: ToolError.name, status: null })
  })

  it('does not blame the tool when the working directory is missing', async () => {
    await expect(runner.run('/bin/true', [], { cwd: '/no/such/directory' })).rejects.toBeInstanceOf(ToolError)
  })

  it('logs tool, arguments and status, never input or environment', async () => {
    log.entries.length = 0
    await runner.run('/bin/cat', ['-'], { input: 'secret-input', env: { KEY: 'secret-environment' } })
    expect(log.entries).toMatchObject([{ level: 'debug', facts: { tool: '/bin/cat', args: ['-'], status: 0 } }])
    expect(JSON.stringify(log.entries)).not.toContain('secret')
  })
})

describe('the streaming runner', () => {
  it('hands on whole lines as they come, a last one without newline, and status lines from fd 3', async () => {
    const lines: string[] = []
    const statusLines: string[] = []
    const script = 'printf "out"; echo " one"; echo err >&2; echo "pmstatus:a:50:x" >&3; printf last'
    await runner.stream('/bin/sh', shell(script), { onLine: (line) => lines.push(line), onStatusLine: (line) => statusLines.push(line) })
    expect(lines.sort()).toEqual(['err', 'last', 'out one'])
    expect(statusLines).toEqual(['pmstatus:a:50:x'])
  })

  it('keeps the last 64 KiB of a long output', async () => {
    const { stdout } = await runner.stream('/bin/sh', shell('yes 0123456789 | head -c 1000000; echo end'))
    expect(stdout.length).toBe(64 * 1024)
    expect(stdout.endsWith('end\n')).toBe(true)
  })

  it('sends SIGINT once on abort and waits for the end that the tool chooses', async () => {
    const controller = new AbortController()
    const script = 'trap "echo interrupted; sleep 0.3; exit 7" INT; echo ready; while :; do sleep 0.05; done'
    const lines: string[] = []
    const onLine = (line: string) => {
      lines.push(line)
      if (line === 'ready') controller.abort()
    }
    const result = await runner.stream('/bin/sh', shell(script), { signal: controller.signal, onLine, ownGroup: true, expect: [7] })
    expect(result.status).toBe(7)
    expect(lines).toEqual(['ready', 'interrupted'])
  })

  it('runs in a process group of its own when told', async () => {
    const groupOf = async (ownGroup: boolean) =>
      (await runner.stream('/bin/sh', shell('cut -d" " -f5 /proc/$$/stat; echo $$'), { ownGroup })).stdout.trim().split('\n')
    const [group, pid] = await groupOf(true)
    expect(group).toBe(pid)
    const [inherited, child] = await groupOf(false)
    expect(inherited).not.toBe(child)
  })

  it('ends with the tool although a daemon that it left behind keeps the pipes open', async () => {
    const { stdout } = await runner.stream('/bin/sh', shell('sleep 60 & echo $!'))
    const daemon = Number(stdout.trim())
    await sleep(10)
    expect(process.kill(daemon, 'SIGKILL')).toBe(true)
  })
})
