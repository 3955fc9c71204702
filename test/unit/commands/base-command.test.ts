import { Args, Config } from '@oclif/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FailedError, LockedError, NotUndoneError, RefusedError } from '../../../src/errors.ts'
import { MutatingCommand } from '../../../src/mutating-command.ts'
import { oclifSection } from '../../../src/oclif-section.ts'

/** What the command under test does. */
let behaviour: () => unknown

class Probe extends MutatingCommand {
  static override id = 'probe'
  static override args = { what: Args.string() }

  async run(): Promise<unknown> {
    const { flags } = await this.parse(Probe)
    this.log('text for people')
    return behaviour() ?? { root: flags.root, yes: flags.yes, plan: flags.plan }
  }
}

describe('a command', () => {
  let stdout: string
  let stderr: string
  let config: Config

  const run = async (...argv: string[]): Promise<number> => {
    stdout = ''
    stderr = ''
    process.exitCode = undefined
    await Probe.run(argv, config)
    const status = (process as { exitCode?: number }).exitCode ?? 0
    process.exitCode = undefined
    return status
  }

  beforeEach(async () => {
    const root = new URL('../../../src', import.meta.url).pathname
    const pjson = { name: 'belay', version: '0.0.0', oclif: { ...oclifSection('ts'), commands: './no-commands-needed' } }
    config = await Config.load({ root, pjson })
    vi.stubEnv('NODE_ENV', 'production')
    behaviour = () => undefined
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      stdout += String(chunk)
      return true
    })
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      stderr += String(chunk)
      return true
    })
  })

  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  })

  it('prints text, or with --json its result alone', async () => {
    expect(await run()).toBe(0)
    expect(stdout).toBe('text for people\n')
    expect(await run('--json', '--root', '/mnt/image/', '--yes')).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ root: '/mnt/image', yes: true, plan: false })
  })

  it.each([
    ['refused', new RefusedError('trial-open', 'a trial is open', { next: ['belay confirm'], data: { be: 'be-000002' } }), 10],
    ['locked', new LockedError('upgrade holds the lock'), 11],
    ['failed and undone', new FailedError('apt', 'apt failed', { rebootRequired: true }), 20],
    ['failed and not undone', new NotUndoneError('the env block is gone', { next: ['grub-reboot 0'] }), 21],
  ])('has the same exit status in text and in JSON when it %s', async (_name, error, status) => {
    behaviour = () => {
      throw error
    }
    expect(await run()).toBe(status)
    expect(await run('--json')).toBe(status)
    expect(JSON.parse(stdout)).toEqual({ error: { code: error.code, message: error.message, exitCode: status, next: error.next, data: error.data } })
    expect(stderr).toBe('')
  })

  it('says on standard error what to do next', async () => {
    behaviour = () => {
      throw new RefusedError('trial-open', 'a trial is open', { next: ['belay confirm', 'belay rollback'] })
    }
    await run()
    expect(stderr).toBe('Error: a trial is open\nTry this:\n  belay confirm\n  belay rollback\n')
  })

  it('takes what the parser refuses as wrong usage, in text and in JSON', async () => {
    expect(await run('--bogus')).toBe(2)
    expect(stderr).toBe('Error: Nonexistent flag: --bogus\nTry this:\n  belay probe --help\n')
    expect(await run('--bogus', '--json')).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage', exitCode: 2 } })
    expect(stderr).toBe('')
  })

  it('takes any other error as a bug, with its stack and causes only on request', async () => {
    behaviour = () => {
      throw new TypeError('x is undefined', { cause: new Error('the first cause') })
    }
    expect(await run()).toBe(1)
    expect(stderr).toContain('Error: x is undefined\n')
    expect(stderr).not.toContain('base-command.test.ts')
    vi.stubEnv('BELAY_DEBUG', '1')
    expect(await run('--json')).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'bug' } })
    expect(stderr).toContain('base-command.test.ts')
    expect(stderr).toContain('caused by Error: the first cause')
  })
})
