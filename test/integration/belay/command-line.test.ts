import { describe, expect, it } from 'vitest'
import { belayCommand, runBelay } from '../../../demo/story/belay-program.ts'
import { runTool } from '../../../demo/run-tool.ts'

/** What the command line says before it looks at any machine. */
describe('the command line', () => {
  it.each([
    [['snapshot', 'extra'], 'belay snapshot takes no argument, and not extra', 'belay snapshot --help'],
    [['boot-set', 'refresh', 'extra'], 'belay boot-set refresh takes no argument, and not extra', 'belay boot-set refresh --help'],
    [['bogus'], 'there is no command bogus', 'belay --help'],
    [['help', 'bogus'], 'there is no command bogus', 'belay --help'],
  ])('says which word of %j is too many', async (args, message, next) => {
    const run = await runBelay(args)
    expect(run.status).toBe(2)
    expect(run.stderr).toBe(`Error: ${message}\nTry this:\n  ${next}\n`)
    expect(JSON.parse((await runBelay([...args, '--json'])).stdout)).toMatchObject({ error: { code: 'usage', message, exitCode: 2 } })
  })

  it('has a command for help, which says what --help says', async () => {
    expect((await runBelay(['help', 'rollback'])).stdout).toBe((await runBelay(['rollback', '--help'])).stdout)
    expect((await runBelay(['help'])).stdout).toBe((await runBelay(['--help'])).stdout)
    expect((await runBelay(['help'])).stdout).not.toContain('booted')
  })

  it('names the exit codes of each command, and no empty default', async () => {
    for (const command of ['show', 'status', 'list', 'audit']) {
      const { stdout } = await runBelay([command, '--help'])
      for (const code of ['0', '1', '2', '10', '13']) expect(stdout, command).toMatch(new RegExp(`^ +${code} `, 'm'))
    }
    expect((await runBelay(['init', '--help'])).stdout).not.toContain('[default: ]')
  })

  it('says in one line that its output cannot be written', async () => {
    const [program, ...args] = belayCommand(['help'])
    const full = await runTool('/bin/sh', ['-c', '"$@" >/dev/full', 'sh', program, ...args], { expect: [12] })
    expect(full.stderr).toMatch(/^Error: standard output cannot be written: ENOSPC[^\n]*\n$/)
  })

  it('is at its end when a reader has seen enough', async () => {
    const [program, ...args] = belayCommand(['help'])
    const { stdout, stderr } = await runTool('/bin/bash', ['-c', '"$@" | head -c 1 >/dev/null; echo "${PIPESTATUS[0]}"', 'sh', program, ...args])
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' })
  })
})
