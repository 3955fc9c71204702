import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ToolOutcome } from '../../../demo/run-tool.ts'
import type { DoctorReport } from '../../../src/operations/doctor-report.ts'
import type { GenerationList } from '../../../src/operations/list-generations.ts'
import type { Status } from '../../../src/operations/read-status.ts'
import { PackagedMachine } from './packaged-machine.ts'

/** The installed hook, guard and belay, below real apt. Each call of `apt` is one session; /run is its own, as after a boot. */
const APT = 'apt-get --quiet=2 --yes --no-install-recommends --allow-downgrades'
const ANY = Array.from({ length: 256 }, (_, status) => status)
const LATE_HOOK = 'etc/apt/apt.conf.d/99test'
const POLICY = 'etc/belay/config.yaml'
const BELAY = 'usr/bin/belay'

let packaged: PackagedMachine
let launcher: string
let policy: string

const sh = (script: string, env: Readonly<Record<string, string>> = {}): Promise<ToolOutcome> =>
  packaged.machine.appliance.run('/bin/sh', ['-c', script], { env: { BELAY_APT: 'on', ...env }, expect: ANY })
const generations = async (): Promise<string[]> =>
  (await packaged.json<GenerationList>('list')).generations.toSorted((a, b) => a.id - b.id).map(({ text }) => text)
const versionOf = async (name: string): Promise<string> => (await sh(`dpkg-query --show --showformat='\${Version} \${db:Status-Status}' ${name}`)).stdout
const status = (): Promise<Status> => packaged.json<Status>('status')
const codes = async (): Promise<string[]> =>
  (await packaged.json<DoctorReport>('doctor')).findings.flatMap(({ code, severity }) => (severity === 'note' && code === 'in-root' ? [] : [code]))
const close = async (): Promise<ToolOutcome> => {
  const closed = await packaged.belay(['close-upgrade'])
  expect(closed.status, closed.stderr).toBe(0)
  return closed
}
const removeLauncher = (): Promise<void> => rm(join(packaged.machine.root, BELAY))
const restoreLauncher = async (): Promise<void> => {
  await packaged.write(BELAY, launcher)
  await packaged.run('/usr/bin/chmod', ['755', `/${BELAY}`])
}

beforeAll(async () => {
  packaged = await PackagedMachine.make(['0.1.0'])
  await packaged.apt('install', 'belay')
  const made = await packaged.belay(['init', '--config', '/etc/acme', '--yes'])
  expect(made.status, made.stderr).toBe(0)
  await packaged.machine.reboot()
  packaged.machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
  await sh('apt-get --quiet=2 update')
  launcher = await packaged.read(BELAY)
  policy = await packaged.read(POLICY)
}, 400_000)

afterAll(async () => {
  await packaged.close()
})

let before: string[]
beforeEach(async () => {
  before = await generations()
})

describe('apt', () => {
  it('has one restore point for an installation, armed until it is closed, and confirmed where nothing asks for a reboot', async () => {
    const { stderr, status: ended } = await sh(`${APT} install acme-slow=1.0.0`)
    expect([ended, stderr]).toEqual([0, expect.stringContaining('belay: generation 2 is the restore point') as unknown])
    expect(await status()).toMatchObject({ session: { operation: 'apt', phase: 'armed', be: 'be-000001' }, aptRun: { atWork: false } })
    expect(await packaged.machine.grubBoots()).toBe('be-000003')
    expect(await codes()).toEqual(['interrupted'])
    await close()
    expect(await generations()).toEqual([...before, 'before apt run of acme-slow', 'after apt run of acme-slow'])
    expect(await status()).toMatchObject({ session: null, aptRun: null, rebootRequired: false, unguarded: [] })
    expect(await packaged.machine.grubBoots()).toBe('be-000001')
    expect(await codes()).toEqual([])
  }, 120_000)

  it('has one for all dpkg runs of a front end, and asks belay once', async () => {
    // A front end by its name, which runs the hook as apt does. The second time there is no belay to ask.
    const hook = `hook=$(apt-config dump --format '%v%n' DPkg::Pre-Install-Pkgs | grep before-apt); printf 'VERSION 3\\n\\nacme-slow 1.0.0 all none < 2.0.0 all none /x.deb\\n' >/tmp/input`
    const script = `#!/bin/sh\n${hook}\nsh -c "$hook" 3</tmp/input || exit 1\nmv /${BELAY} /tmp/away; sh -c "$hook" 3</tmp/input; echo "second: $?"; mv /tmp/away /${BELAY}\n`
    await packaged.write('tmp/aptitude', script)
    const { stdout, stderr } = await sh('chmod 755 /tmp/aptitude && /tmp/aptitude')
    expect([stdout, stderr.split('\n').filter((line) => line !== '')]).toEqual(['second: 0\n', [expect.stringContaining('is the restore point') as unknown]])
    expect(await generations()).toHaveLength(before.length + 1)
    await close()
    expect(await generations()).toEqual(before)
  })

  it.each([
    ['-s', `${APT} -s install acme-slow=2.0.0`],
    ['-d', `${APT} -d install acme-slow=2.0.0`],
    ['--dry-run', `${APT} --dry-run install acme-slow=2.0.0`],
    ['a dry run that runs hooks', `${APT} -o Debug::pkgDPkgPM=1 install acme-slow=2.0.0`],
    ['dpkg -i', 'dpkg -i /var/cache/apt/archives/acme-slow_1.0.0_*.deb && dpkg -i /var/cache/apt/archives/acme-slow_1.0.0_*.deb'],
  ])('asks for nothing with %s', async (_name, script) => {
    expect((await sh(script)).status).toBe(0)
    expect(await generations()).toEqual(before)
    expect((await status()).session).toBeNull()
  })

  it('is taken back when it gives up before dpkg', async () => {
    await packaged.write(LATE_HOOK, 'DPkg::Pre-Install-Pkgs { "exit 1"; };\n')
    const { status: ended } = await sh(`${APT} install acme-slow=1.0.0 --reinstall`)
    await rm(join(packaged.machine.root, LATE_HOOK))
    expect(ended).toBe(100)
    expect((await status()).session).toMatchObject({ phase: 'armed' })
    await close()
    expect(await generations()).toEqual(before)
    expect(await packaged.machine.grubBoots()).toBe('be-000001')
    expect(await codes()).toEqual([])
  })

  it('that is killed after dpkg and before its last hook is closed right', async () => {
    // A child of apt's runs its hooks (RunScripts in fileutl.cc, apt 2.6.1 and 3.0.3): its parent is apt itself.
    await packaged.write(LATE_HOOK, `DPkg::Post-Invoke { "kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat)"; };\n`)
    const { stdout } = await sh(`${APT} install acme-slow=1.0.0 --reinstall; echo "ended with $?"`)
    await rm(join(packaged.machine.root, LATE_HOOK))
    expect(stdout).toContain('ended with 137\n')
    expect(await versionOf('acme-slow')).toBe('1.0.0 installed')
    await close()
    expect(await status()).toMatchObject({ session: null })
    expect(await generations()).toHaveLength(before.length + 2)
  }, 120_000)

  it('is waited for: what it did is closed when it has ended, although a shutdown wants the unit to end', async () => {
    const wait = '/usr/lib/belay/libexec/wait-for-upgrade'
    await packaged.write(LATE_HOOK, `DPkg::Pre-Install-Pkgs { "${wait} >/tmp/closed 2>&1 & echo $! >/tmp/waiter"; };\n`)
    const { status: ended } = await sh(`${APT} install acme-slow=2.0.0; kill -TERM $(cat /tmp/waiter); tail --pid=$(cat /tmp/waiter) -f /dev/null`)
    await rm(join(packaged.machine.root, LATE_HOOK))
    expect(ended).toBe(0)
    expect(await packaged.read('tmp/closed')).toBe('apt: closed\n')
    expect((await status()).session).toBeNull()
  }, 120_000)
})

describe('without a restore point', () => {
  it.each([
    ['BELAY_APT=off', '', { BELAY_APT: 'off' }],
    ['/etc/belay/apt-off', 'touch /etc/belay/apt-off; ', {}],
  ])('%s lets apt go on, and the run is noted down', async (why, prepare, env) => {
    const { stderr, status: ended } = await sh(`${prepare}${APT} install acme-slow=1.0.0 --reinstall`, env)
    await sh('rm -f /etc/belay/apt-off')
    expect([ended, stderr]).toEqual([0, expect.stringContaining(`belay: this run of apt has no restore point (${why})`) as unknown])
    expect(await generations()).toEqual(before)
    expect((await status()).unguarded.at(-1)).toMatchObject({ summary: expect.stringContaining('install acme-slow=1.0.0') as unknown, why })
    expect(await codes()).toEqual(['unguarded'])
  })

  it('apt goes on in a chroot, where no unit would close its run', async () => {
    const { stderr, status: ended } = await sh(`unset BELAY_APT; ${APT} install acme-slow=1.0.0 --reinstall`)
    expect([ended, stderr]).toEqual([0, expect.stringContaining('(it runs in a chroot') as unknown])
    expect(await generations()).toEqual(before)
    expect((await status()).unguarded.at(-1)?.why).toContain('chroot')
  })

  it.each([
    ['is missing', removeLauncher, 127],
    ['is broken', () => packaged.write(BELAY, '#!/bin/sh\nexit 1\n'), 1],
    ['is older than the hook', () => packaged.write(BELAY, '#!/bin/sh\nexit 2\n'), 2],
    ['hangs', () => packaged.write(BELAY, '#!/bin/sh\nexec sleep 1000\n'), 124],
  ])('apt goes on when belay %s', async (_name, harm, code) => {
    await packaged.write(POLICY, policy.replaceAll('timeLimit: 60', 'timeLimit: 5'))
    await harm()
    const { stderr, status: ended } = await sh(`${APT} install acme-slow=1.0.0 --reinstall`)
    await restoreLauncher()
    await packaged.write(POLICY, policy)
    expect([ended, stderr]).toEqual([0, expect.stringContaining(`(status ${String(code)}); apt goes on without one`) as unknown])
    expect((await status()).unguarded.at(-1)?.why).toBe(`belay before-apt ended with status ${String(code)}`)
  })

  it.each([
    ['on a line of its own', (text: string) => text.replace('onFailure: continue-and-flag', '# strict\n  onFailure: block # really')],
    ['in one line', (text: string) => text.replace(/^apt:\n(?: .*\n)+/m, 'apt: { timeLimit: 20, onFailure: "block" }\n')],
  ])('apt stops when belay is broken and policy says so %s', async (_name, change) => {
    await packaged.write(POLICY, change(policy))
    expect(await packaged.read(POLICY)).not.toBe(policy)
    await packaged.write(BELAY, '#!/bin/sh\nexit 1\n')
    const { stderr, status: ended } = await sh(`${APT} install acme-slow=2.0.0`)
    await restoreLauncher()
    await packaged.write(POLICY, policy)
    expect([ended, stderr]).toEqual([100, expect.stringContaining('apt stops here, as policy says (apt.onFailure)') as unknown])
    expect(await versionOf('acme-slow')).toBe('1.0.0 installed')
  })
})

describe('while a version is on trial', () => {
  it('apt stops with the reason, and nothing is changed', async () => {
    expect((await packaged.belay(['rollback', '1', '--yes'])).status).toBe(0)
    const { stderr, status: ended } = await sh(`${APT} install acme-slow=2.0.0`)
    expect(ended).toBe(100)
    expect(stderr).toContain('is on trial and not yet confirmed, and unverified means waiting')
    expect(stderr).toContain('belay confirm')
    expect(await versionOf('acme-slow')).toBe('1.0.0 installed')
    expect((await packaged.belay(['forward', '--yes'])).status).toBe(0)
  })
})

describe('packages that break', () => {
  it('leave the untouched version armed, and the next boot starts it', async () => {
    await sh(`${APT} install acme-broken=1.0.0`)
    await close()
    expect((await sh(`${APT} install acme-broken=2.0.0`)).status).toBe(100)
    const closed = await packaged.belay(['close-upgrade'])
    expect([closed.status, closed.stdout]).toEqual([
      0,
      expect.stringContaining('apt: flagged as failed; the next boot starts the untouched version') as unknown,
    ])
    expect(await status()).toMatchObject({ session: { phase: 'failed' }, rebootRequired: true })
    await packaged.machine.reboot()
    expect(await versionOf('acme-broken')).toBe('1.0.0 installed')
    expect(await codes()).toEqual(['fell-back'])
    expect((await packaged.belay(['confirm'])).status).toBe(0)
    expect(await codes()).toEqual(['torn'])
  }, 120_000)
})
