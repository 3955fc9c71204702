import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { Machine, type JsonRun } from './machine.ts'
import { findProcess, until } from './processes.ts'
import { stallAt } from './stalling-archive.ts'
import { belongings, expectWhole } from './whole-appliance.ts'

/** Upgrades that do not come to their end: an operator, an archive, a package or another program is in the way. */
let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
  await machine.install('acme-slow', 'acme-broken')
})

afterAll(async () => {
  await machine.close()
})

beforeEach(async () => {
  machine.repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
  // What was downloaded before is not asked for again.
  await machine.appliance.run('/usr/bin/apt-get', ['clean'])
})

const signal = (group: number, name: NodeJS.Signals): void => {
  process.kill(-group, name)
}

/** Start a command and send its process group a signal at a moment. */
const interrupt = async (
  args: readonly string[],
  moment: (started: { readonly pid: number }) => Promise<unknown>,
  name: NodeJS.Signals = 'SIGINT',
): Promise<JsonRun> => {
  const started = Promise.withResolvers<number>()
  const run = machine.json(args, {
    onStart: (pid) => {
      started.resolve(pid)
    },
  })
  const pid = await started.promise
  await moment({ pid })
  signal(pid, name)
  return run
}

const versionOf = async (name: string): Promise<string> => {
  const { stdout } = await runTool('/usr/bin/dpkg-query', [
    `--admindir=${machine.root}/var/lib/dpkg`,
    '--show',
    '--showformat=${Version} ${db:Status-Status}',
    name,
  ])
  return stdout
}

/** After a failure that only a boot undoes: the untouched version is next, and once it is confirmed nothing is left of the other but what prune takes. */
const expectUntouchedAfterReboot = async (name: string): Promise<void> => {
  const { session, next } = await machine.status()
  expect(session).toMatchObject({ phase: 'failed', fallback: next?.be })
  await expectWhole(machine, { findings: ['reboot-pending'] })
  const again = await machine.refusal(['upgrade', name, '--yes'])
  expect(again).toMatchObject({ code: 'session/failed', exitCode: 10, next: ['systemctl reboot'] })

  await machine.reboot()
  expect(await versionOf(name)).toBe('1.0.0 installed')
  const { findings } = await machine.doctor()
  expect(findings).toMatchObject([{ code: 'fell-back', severity: 'problem', remedy: 'belay confirm' }])
  expect(findings[0]?.text).toContain(`${name} 2.0.0 did not stay`)
  await machine.must('confirm')
  await expectWhole(machine)
  expect((await machine.operation('prune', '--yes')).plan.retention?.at(-1)).toMatchObject({ goes: false, code: 'torn' })
  const torn = (await machine.list()).torn.map(({ be }) => be)
  expect(torn).toHaveLength(1)
  expect(await machine.refusal(['rollback', ...torn, '--yes'])).toMatchObject({ code: 'torn', exitCode: 10 })
  const pruned = await machine.operation('prune', '--torn-days', '0', '--yes')
  expect(pruned.summary).toBe('0 generations and 1 boot environment gone for good')
  await expectWhole(machine)
}

/** After a failure that was undone: as if nothing had been asked for. */
const expectUndone = async (before: Awaited<ReturnType<typeof belongings>>, name: string): Promise<void> => {
  expect(await versionOf(name)).toBe('1.0.0 installed')
  const { index, ...rest } = await belongings(machine)
  const { index: indexBefore, ...restBefore } = before
  expect(rest).toEqual(restBefore)
  const known = (text: string | null) => ({ ...(JSON.parse(text ?? '{}') as object), revision: 0, next: {} })
  expect(known(index)).toEqual(known(indexBefore))
  await expectWhole(machine)
}

describe('Ctrl-C', () => {
  it('during the download changes nothing', async () => {
    const archive = await stallAt(machine.server.url)
    try {
      await machine.appliance.useRepository(archive.url)
      const before = await belongings(machine)
      const { status, output } = await interrupt(['upgrade', 'acme-slow', '--yes'], () => archive.stalled)
      expect([status, output]).toMatchObject([20, { error: { code: 'interrupted', exitCode: 20, data: { rebootRequired: false } } }])
      await expectUndone(before, 'acme-slow')
    } finally {
      await archive.close()
      await machine.appliance.useRepository(machine.server.url)
    }
  })

  it('after the standby was armed and before dpkg begins undoes everything', async () => {
    const hook = join(machine.root, 'etc/apt/apt.conf.d/99wait')
    await writeFile(hook, 'DPkg::Pre-Invoke { "exec sleep 4.25"; };\n')
    const before = await belongings(machine)
    const standby = await machine.grubBoots()
    const { status, output } = await interrupt(['upgrade', 'acme-slow', '--yes'], async () => {
      await until('apt runs its hook', async () => (await findProcess('sleep 4.25')) !== null)
      expect(await machine.grubBoots()).not.toBe(standby)
    })
    await rm(hook)
    expect([status, output]).toMatchObject([20, { error: { code: 'interrupted', exitCode: 20, data: { rebootRequired: false } } }])
    await expectUndone(before, 'acme-slow')
  })

  it('while dpkg runs lets dpkg end and leaves it to the untouched version', async () => {
    const { status, output } = await interrupt(['upgrade', 'acme-slow', '--yes'], () =>
      until('the package is configured', async () => (await findProcess('acme-slow.postinst configure')) !== null),
    )
    expect([status, output]).toMatchObject([20, { error: { code: 'upgrade-failed', exitCode: 20, data: { rebootRequired: true, cause: 'interrupted' } } }])
    expect((output as { error: { next: string[] } }).error.next).toContain('systemctl reboot')
    await expectUntouchedAfterReboot('acme-slow')
  }, 120_000)
})

describe('a second belay', () => {
  it('is refused at once with who works, until that one is gone', async () => {
    const archive = await stallAt(machine.server.url)
    try {
      await machine.appliance.useRepository(archive.url)
      const pid = Promise.withResolvers<number>()
      const first = machine.belay(['upgrade', 'acme-slow', '--yes'], { onStart: pid.resolve })
      await archive.stalled
      for (const args of [['snapshot', '-m', 'x'], ['upgrade', '--yes'], ['confirm'], ['doctor', '--fix'], ['boot-set', 'refresh']]) {
        const error = await machine.refusal(args)
        expect(error, args.join(' ')).toMatchObject({ code: 'locked', exitCode: 11, data: { holder: { pid: await pid.promise, operation: 'upgrade' } } })
        expect(error.message).toContain(`upgrade by root (pid ${String(await pid.promise)})`)
        expect(error.next).toContain(`ps -fp ${String(await pid.promise)}   # what it is doing`)
      }
      // Looking needs no lock.
      for (const args of [['status'], ['list'], ['doctor'], ['show', '1'], ['audit'], ['snapshot', '--plan']]) expect((await machine.json(args)).status).toBe(0)
      signal(await pid.promise, 'SIGKILL')
      expect((await first).signal).toBe('SIGKILL')
      await machine.must('snapshot', '-m', 'after the holder was killed')
      await expectWhole(machine)
    } finally {
      await archive.close()
      await machine.appliance.useRepository(machine.server.url)
    }
    // The apt that was orphaned ends when its archive is gone.
    await until('apt is gone', async () => (await findProcess(`${machine.root} /usr/bin/apt-get`)) === null)
  })
})

describe('an archive out of reach', () => {
  it('ends the upgrade before anything is changed', async () => {
    const before = await belongings(machine)
    await machine.appliance.useRepository('http://127.0.0.1:9/')
    const error = await machine.refusal(['upgrade', 'acme-slow', '--yes'])
    await machine.appliance.useRepository(machine.server.url)
    expect(error).toMatchObject({ code: 'archive-unreachable', exitCode: 20, data: { rebootRequired: false } })
    expect(error.message).toContain('http://127.0.0.1:9/')
    expect(error.next).toContain('check the network and /etc/apt/sources.list.d')
    await expectUndone(before, 'acme-slow')
  })

  it('ends the upgrade before anything is changed when only the package is missing', async () => {
    const before = await belongings(machine)
    await machine.appliance.run('/usr/bin/apt-get', ['--quiet', 'update'])
    machine.repository.publish([], { kernel: false, grub: false })
    await machine.server.close()
    const error = await machine.refusal(['upgrade', 'acme-slow', '--yes', '--no-refresh'])
    machine.server = await machine.repository.serve()
    await machine.appliance.useRepository(machine.server.url)
    expect(error).toMatchObject({ code: 'archive-unreachable', exitCode: 20, data: { rebootRequired: false } })
    await expectUndone(before, 'acme-slow')
  })
})

describe('a package that fails', () => {
  it('leaves the machine to the untouched version, and status says why', async () => {
    const error = await machine.refusal(['upgrade', 'acme-broken', '--yes'])
    expect(error).toMatchObject({ code: 'upgrade-failed', exitCode: 20, data: { rebootRequired: true, cause: 'packages-failed' } })
    expect(error.message).toContain('acme-broken: installed acme-broken package post-installation script subprocess returned error exit status 1')
    expect(error.message).toContain('(acme-broken: this version cannot be configured)')
    expect(error.next).toContain('systemctl reboot')
    const { stdout } = await machine.must('status')
    expect(stdout).toMatch(/Upgrade +failed: .*acme-broken 2\.0\.0/)
    expect(stdout).toContain('A reboot is needed: systemctl reboot')
    const audit = (await machine.json(['audit', '--last', '1'])).output as { entries: { outcome: string; error: string }[] }
    expect(audit.entries).toMatchObject([{ operation: 'upgrade', outcome: 'escaped', error: expect.stringContaining('acme-broken') as unknown }])
    await expectUntouchedAfterReboot('acme-broken')
  })
})

describe('dpkg that is not in order', () => {
  it('refuses an upgrade while somebody else works with it', async () => {
    const other = machine.appliance.run('/usr/bin/apt-get', ['--quiet', '--yes', 'install', 'acme-slow=2.0.0'], { expect: [0, 100] })
    await until('the package is configured', async () => (await findProcess('acme-slow.postinst configure')) !== null)
    const error = await machine.refusal(['upgrade', '--yes'])
    expect(error).toMatchObject({ code: 'packages/locked', exitCode: 10 })
    expect(error.next[0]).toMatch(/^tail --pid=\d+ -f \/dev\/null/)
    // What a power cut in the middle of dpkg leaves: changes that are not merged and a package that is half configured.
    const dpkg = await findProcess('/usr/bin/dpkg --status-fd')
    const script = await findProcess('acme-slow.postinst configure')
    for (const pid of [dpkg, script]) if (pid !== null) process.kill(pid, 'SIGKILL')
    await other
  })

  it('refuses an upgrade after it was cut, with the command that mends it', async () => {
    expect(await versionOf('acme-slow')).toMatch(/^2\.0\.0 (?:half-configured|unpacked)/)
    const before = await belongings(machine)
    const error = await machine.refusal(['upgrade', '--yes'])
    expect(error).toMatchObject({ exitCode: 10, code: 'packages/interrupted' })
    const [remedy = ''] = error.next
    expect(remedy).toMatch(/enter-root \S+ dpkg --configure -a$/)
    expect(await belongings(machine)).toEqual(before)
    await expectWhole(machine, { findings: ['packages/interrupted', 'packages/unpacked'] })
    await writeFile(join(machine.root, 'var/lib/dpkg/info/acme-slow.postinst'), '#!/bin/sh\n')
    const [tool = '', ...args] = remedy.split(' ')
    await runTool(tool, args)
    await expectWhole(machine)
  })

  it('refuses an upgrade while dpkg has changes that are not merged', async () => {
    const status = await readFile(join(machine.root, 'var/lib/dpkg/status'), 'utf8')
    const stanza = status.split('\n\n').find((text) => text.startsWith('Package: acme-slow\n')) ?? ''
    await writeFile(join(machine.root, 'var/lib/dpkg/updates/0001'), `${stanza}\n`)
    const error = await machine.refusal(['upgrade', '--yes'])
    expect(error).toMatchObject({ code: 'packages/interrupted', exitCode: 10 })
    expect(error.next[0]).toMatch(/dpkg --configure -a$/)
    await expectWhole(machine, { findings: ['packages/interrupted'] })
    const [tool = '', ...args] = error.next[0]?.split(' ') ?? []
    await runTool(tool, args)
    await expectWhole(machine)
  })
})
