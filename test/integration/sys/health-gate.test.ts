import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../belay/processes.ts'
import { type SystemdInNamespaces, startSystemd } from './systemd-in-namespaces.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')
const UNITS = ['belay-trial.service', 'belay-health.service', 'belay-confirm.service', 'belay-fall-back.service', 'belay-deadline.timer']
const COMMAND_LINE = 'BOOT_IMAGE=/vmlinuz root=UUID=1 ro panic=10 belay.be=be-000001 belay.deadline=900'
const envBlock = (trial: string, good = 'be-000003'): string =>
  `# GRUB Environment Block\nbelay_format=1\nbelay_good=${good}\nbelay_trial=${trial}\nbelay_left=2\nbelay_once=\n####`

let work: string
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'belay-gate-'))
})
afterEach(() => {
  rmSync(work, { recursive: true })
})

describe('on-trial', () => {
  const isOnTrial = (commandLine: string, env: string | null): boolean => {
    writeFileSync(join(work, 'cmdline'), `${commandLine}\n`)
    if (env !== null) writeFileSync(join(work, 'env'), env)
    const variables = { PATH: '/usr/bin', ON_TRIAL_COMMAND_LINE: join(work, 'cmdline'), ON_TRIAL_ENV: join(work, 'env') }
    return spawnSync('/bin/sh', [join(CHECKOUT, 'libexec/on-trial')], { env: variables }).status === 0
  }

  it.each<readonly [string, boolean, string, string | null]>([
    ['what runs is on trial', true, COMMAND_LINE, envBlock('be-000001')],
    ['nothing is', false, COMMAND_LINE, envBlock('')],
    ['another is', false, COMMAND_LINE, envBlock('be-000002')],
    ['what runs is good as well', false, COMMAND_LINE, envBlock('be-000001', 'be-000001')],
    ['belay did not start it', false, 'root=UUID=1 ro', envBlock('be-000001')],
    ['the last argument says otherwise', false, `${COMMAND_LINE} belay.be=be-000004`, envBlock('be-000001')],
    ['the name only begins alike', false, `${COMMAND_LINE}9`.replace('be-000001', 'be-0000019'), envBlock('be-000001')],
    ['the env block holds junk', false, COMMAND_LINE, 'belay_trial=$(reboot)\n'],
    ['there is no env block', false, COMMAND_LINE, null],
  ])('where %s says %s', (_, expected, commandLine, env) => {
    expect(isOnTrial(commandLine, env)).toBe(expected)
  })
})

describe('end-trial', () => {
  /** One run in a boot of be-000001, with a belay that ends so. @returns whether it reboots */
  const ends = (status: number, { left, sameBoot = false }: { readonly left: number; readonly sameBoot?: boolean }): boolean => {
    writeFileSync(join(work, 'cmdline'), `${COMMAND_LINE}\n`)
    writeFileSync(join(work, 'env'), envBlock('be-000001').replace('belay_left=2', `belay_left=${String(left)}`))
    writeFileSync(join(work, 'belay'), `#!/bin/sh\nexit ${String(status)}\n`, { mode: 0o755 })
    writeFileSync(join(work, 'systemctl'), `#!/bin/sh\necho "$*" >${work}/rebooted\n`, { mode: 0o755 })
    rmSync(join(work, 'rebooted'), { force: true })
    if (!sameBoot) rmSync(join(work, 'note'), { force: true })
    const { status: ended } = spawnSync('/bin/sh', [join(CHECKOUT, 'libexec/end-trial')], {
      env: {
        PATH: '/usr/bin',
        ON_TRIAL_COMMAND_LINE: join(work, 'cmdline'),
        ON_TRIAL_ENV: join(work, 'env'),
        END_TRIAL_BELAY: join(work, 'belay'),
        END_TRIAL_SYSTEMCTL: join(work, 'systemctl'),
        END_TRIAL_NOTE: join(work, 'note'),
        END_TRIAL_ENDED: join(work, 'trial-ended'),
      },
    })
    expect(ended).toBe(0)
    return existsSync(join(work, 'rebooted'))
  }
  const noted = (): string | null => (existsSync(join(work, 'trial-ended')) ? readFileSync(join(work, 'trial-ended'), 'utf8') : null)

  it.each([
    ['belay does not work', 127],
    ['belay uses the attempts up and can record nothing', 10],
  ])('where %s, stays up in a trial that comes up again although it was ended', (_, status) => {
    expect(ends(status, { left: 0 })).toBe(true)
    expect(noted()).toBe('be-000001\n')
    expect(ends(status, { left: 0, sameBoot: true }), 'the reboot did not come').toBe(true)
    expect(ends(status, { left: 0 })).toBe(false)
    expect(ends(0, { left: 0 })).toBe(false)
  })

  it('reboots as long as GRUB has attempts to count, and where another trial was ended before', () => {
    expect(ends(127, { left: 2 })).toBe(true)
    expect(noted()).toBeNull()
    expect(ends(127, { left: 1 })).toBe(true)
    writeFileSync(join(work, 'trial-ended'), 'be-000004\n')
    expect(ends(127, { left: 0 })).toBe(true)
    expect(noted()).toBe('be-000001\n')
  })

  it('reboots although its note cannot be written', () => {
    mkdirSync(join(work, 'trial-ended/in-the-way'), { recursive: true })
    expect(ends(127, { left: 0 })).toBe(true)
  })
})

describe('the units of the health gate, in a real systemd', () => {
  let systemd: SystemdInNamespaces | null = null
  afterEach(async () => {
    await systemd?.close()
    systemd = null
  })

  const calls = (): string[] => (existsSync(join(work, 'calls')) ? readFileSync(join(work, 'calls'), 'utf8').trim().split('\n') : [])
  const program = (name: string, text: string): string => {
    const path = join(work, name)
    writeFileSync(path, `#!/bin/sh\n${text}\n`)
    chmodSync(path, 0o755)
    return path
  }

  /** Boots a machine with a vendor's unit, a check of its own, and a belay that notes its calls and ends as it is told. */
  const boot = async (options: {
    readonly trial: boolean
    readonly gate?: number
    readonly incomplete?: number
    readonly check?: string
    readonly app?: string
    readonly deadline?: number
    readonly watches?: boolean
  }): Promise<void> => {
    writeFileSync(join(work, 'env'), envBlock(options.trial ? 'be-000001' : ''))
    writeFileSync(join(work, 'cmdline'), `${COMMAND_LINE}\n`)
    const ends = `case $2 in --gate) exit ${String(options.gate ?? 0)} ;; --incomplete) exit ${String(options.incomplete ?? 0)} ;; esac`
    const belay = program('belay', `echo "$*" >>${work}/calls\n${ends}`)
    const systemctl = program('systemctl', `echo "systemctl $*" >>${work}/calls`)
    const watch = program('trial-watch', `echo "watch $1" >>${work}/calls\nsystemctl start --no-block belay-deadline.timer`)
    const variables = [
      `ON_TRIAL_ENV=${work}/env`,
      `ON_TRIAL_COMMAND_LINE=${work}/cmdline`,
      `END_TRIAL_BELAY=${belay}`,
      `END_TRIAL_SYSTEMCTL=${systemctl}`,
      `END_TRIAL_NOTE=${work}/failed`,
      `END_TRIAL_ENDED=${work}/trial-ended`,
    ]
    const wants: Record<string, string[]> = {}
    const texts = UNITS.map((name) => {
      const text = readFileSync(join(CHECKOUT, 'systemd', name), 'utf8')
      for (const [, kind = '', target = ''] of text.matchAll(/^(Wanted|Required)By=(.*)$/gm))
        (wants[target] ??= []).push(`${kind === 'Wanted' ? 'Wants' : 'Requires'}=${name}`)
      const here = text
        .replaceAll('/boot/grub/belay/env', `${work}/env`)
        .replaceAll(options.watches === true ? '-' : '/usr/lib/belay/libexec/trial-watch', options.watches === true ? '-' : watch)
        .replaceAll('/usr/lib/belay/libexec', `${CHECKOUT}/libexec`)
        .replaceAll('/usr/bin/belay', belay)
        .replaceAll('RequiresMountsFor=/boot/grub\n', '')
        .replace('OnActiveSec=900', `OnActiveSec=${String(options.deadline ?? 900)}`)
        .replace('[Service]\n', `[Service]\n${variables.map((variable) => `Environment=${variable}\n`).join('')}`)
      return [name, ['DefaultDependencies=yes', ...here.split('\n')]] as const
    })
    const target = (name: string, ...settings: string[]) => [name, ['DefaultDependencies=yes', ...settings, ...(wants[name] ?? [])]] as const
    const dropIn = readFileSync(join(CHECKOUT, 'systemd/boot-complete.target.d/belay.conf'), 'utf8').split('\n')
    systemd = await startSystemd(
      Object.fromEntries<readonly string[]>([
        ...texts,
        target('sysinit.target', 'DefaultDependencies=no'),
        target('basic.target', 'Requires=sysinit.target', 'After=sysinit.target'),
        target('multi-user.target', 'Requires=basic.target', 'After=basic.target', 'Wants=acme.service'),
        target('default.target', 'Requires=multi-user.target', 'After=multi-user.target'),
        target('boot-complete.target', 'Requires=sysinit.target acme-check.service', 'After=sysinit.target', ...dropIn),
        ['acme.service', ['DefaultDependencies=yes', '[Service]', 'Type=oneshot', `ExecStart=/bin/sh -c 'echo app >>${work}/calls; ${options.app ?? 'true'}'`]],
        ['acme-check.service', ['Before=boot-complete.target', '[Service]', 'Type=oneshot', `ExecStart=${options.check ?? '/usr/bin/true'}`]],
      ]),
    )
  }
  const seen = (what: string): Promise<void> => until(what, () => Promise.resolve(calls().includes(what)))

  it('judge the boot when all is started, and confirm a trial behind that, without a cycle', async () => {
    await boot({ trial: true })
    await seen('health --passed')
    expect(calls()).toContain('watch open')
    expect(calls().filter((call) => call !== 'health --incomplete' && call !== 'watch open')).toEqual(['app', 'health --gate', 'health --passed'])
  })

  it('end a trial whose gate failed with a reboot, and confirm nothing', async () => {
    await boot({ trial: true, gate: 10, incomplete: 10 })
    await seen('systemctl reboot --no-block --check-inhibitors=no')
    expect(calls()).not.toContain('health --passed')
  })

  it('end a trial in which a check of the vendor’s failed', async () => {
    await boot({ trial: true, incomplete: 10, check: '/usr/bin/false' })
    await seen('systemctl reboot --no-block --check-inhibitors=no')
    expect(calls()).not.toContain('health --passed')
  })

  it('end a trial that never comes so far, although belay does not work', async () => {
    await boot({ trial: true, app: 'exec sleep infinity', incomplete: 127, deadline: 1 })
    await seen('systemctl reboot --no-block --check-inhibitors=no')
    expect(calls().filter((call) => !['watch open', 'app'].includes(call))).toEqual([
      'health --incomplete',
      'systemctl reboot --no-block --check-inhibitors=no',
    ])
  })

  it('start the deadline for a trial, and take it back', async () => {
    await boot({ trial: true, gate: 1, watches: true, check: '/usr/bin/sleep infinity' })
    const show = async (property: string, ...units: string[]): Promise<string> =>
      (await systemd?.runner.run('/usr/bin/systemctl', ['show', '--value', `--property=${property}`, ...units]).catch(() => null))?.stdout.trim() ?? ''
    const shows = (wanted: string, property: string, ...units: string[]): Promise<void> =>
      until(`${property} is ${wanted}`, async () => (await show(property, ...units)) === wanted)
    await shows('active', 'ActiveState', 'belay-deadline.timer')
    await shows('active', 'ActiveState', 'belay-trial.service')
    await systemd?.runner.run('/usr/bin/systemctl', ['stop', '--no-block', 'belay-trial.service'])
    await shows('inactive', 'ActiveState', 'belay-deadline.timer')
  })

  it('only look at a version that is no trial, however sick it is', async () => {
    await boot({ trial: false, gate: 10, incomplete: 10 })
    await seen('health --gate')
    await until('the boot is over', async () => (await systemd?.runner.run('/usr/bin/systemctl', ['list-jobs', '--no-legend']))?.stdout === '')
    expect(calls()).toEqual(['app', 'health --gate'])
  })
})
