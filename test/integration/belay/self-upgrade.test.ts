import { appendFile, copyFile, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import type { GenerationList } from '../../../src/operations/list-generations.ts'
import type { OperationReport } from '../../../src/operations/operation-report.ts'
import type { Status } from '../../../src/operations/read-status.ts'
import { type BelayRepository, buildBelayRepository } from './belay-package.ts'
import { Machine } from './machine.ts'

/**
 * belay as a package inside the appliance, working on `/` as on a running system: it upgrades itself in the same run in which libc, dpkg,
 * Debian's nodejs and the application are replaced, and the older belay reads what the newer one wrote after the way back.
 */
const OLD = '0.1.0'
const NEW = '0.2.0'

let machine: Machine
let packages: BelayRepository

/** Run the installed belay in the appliance's own root. */
const inside = async (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
  machine.appliance.run('/usr/bin/belay', args, { expect: [0, 1, 2, 10, 11, 12, 13, 14, 20, 21] })

const json = async <Type>(...args: string[]): Promise<Type> => JSON.parse((await inside(...args, '--json')).stdout) as Type

const versionsOf = async (...names: string[]): Promise<string[]> => {
  const { stdout } = await runTool('/usr/bin/dpkg-query', [
    `--admindir=${machine.root}/var/lib/dpkg`,
    '--show',
    '--showformat=${Package} ${Version}\n',
    ...names,
  ])
  return stdout.trim().split('\n')
}

beforeAll(async () => {
  packages = await buildBelayRepository([OLD, NEW])
  machine = await Machine.make({ plain: true })
  await copyFile(packages.packageOf(OLD), join(machine.root, 'var/tmp/belay.deb'))
  await machine.appliance.run('/usr/bin/dpkg', ['--install', '/var/tmp/belay.deb'])
  await rm(join(machine.root, 'var/tmp/belay.deb'))
  await machine.appliance.useRepository(machine.server.url, { base: true })
  await appendFile(join(machine.root, 'etc/apt/sources.list'), `deb [trusted=yes] ${packages.server.url} ./\n`)
  packages.publish([OLD])
  await machine.appliance.run('/usr/bin/apt-get', ['update'])
  const { stdout } = await machine.appliance.run('/usr/bin/apt-cache', ['madison', 'nodejs'])
  const versions = stdout.split('\n').flatMap((line) => line.split('|')[1]?.trim() ?? [])
  // The rebuilt one is listed first; the other is Debian's own.
  await machine.appliance.run('/usr/bin/apt-get', [
    'install',
    '--yes',
    '--no-install-recommends',
    `nodejs=${versions.at(-1) ?? ''}`,
    `libnode115=${versions.at(-1) ?? ''}`,
  ])
  machine.repository.publish(['1.0.0'], { kernel: false, grub: false })
}, 300_000)

afterAll(async () => {
  await machine.close()
  await packages.close()
})

describe('belay on the running system', () => {
  it('adopts it', async () => {
    const made = await inside(
      'init',
      '--config',
      '/etc/acme',
      '--data-format',
      '/usr/share/acme/data-format',
      '--important',
      'acme-*',
      '--important',
      'belay',
      '--yes',
    )
    expect(made.stderr + made.stdout).toContain('be-000001')
    expect(made.status).toBe(0)
    await machine.reboot()
    expect((await json<Status>('status')).running?.be).toBe('be-000001')
  })

  it('upgrades itself, libc, dpkg, nodejs, GRUB and the kernel in one run and ends that run well', async () => {
    const watched = ['belay', 'libc6', 'dpkg', 'nodejs', 'acme-gateway', 'grub-pc', 'linux-image-amd64']
    const before = await versionsOf(...watched)
    const grubCfg = await readFile(join(machine.root, 'boot/grub/grub.cfg'), 'utf8')
    packages.publish([OLD, NEW])
    machine.repository.publish(['1.0.0', '2.0.0'])
    const run = await inside('upgrade', '--yes', '--json')
    expect(run.stderr).toBe('')
    const report = JSON.parse(run.stdout) as OperationReport
    expect(run.status).toBe(0)
    expect(report.executed).toBe(true)
    const after = await versionsOf(...watched)
    expect(after).toContain(`belay ${NEW}`)
    expect(after).toContain('acme-gateway 2.0.0')
    expect(after.filter((line) => before.includes(line))).toEqual([])
    expect((await inside('--version')).stdout).toContain(`belay/${NEW}`)
    expect((await inside('doctor')).status).toBe(0)
    // The kernel's hook called update-grub: what it wrote is beside belay's grub.cfg.
    expect(await readFile(join(machine.root, 'boot/grub/grub.cfg'), 'utf8')).toBe(grubCfg)
    expect(await readFile(join(machine.root, 'boot/grub/belay/debian.cfg'), 'utf8')).toContain('menuentry')
  }, 300_000)

  it('tells logins and Debian’s tools what waits, and takes that back with it', async () => {
    const after = async (command: string): Promise<string[]> => {
      const script = `belay ${command} >/dev/null && for file in /run/motd.d/belay /run/reboot-required /run/reboot-required.pkgs; do echo "$file"; cat "$file" || echo none; done 2>/dev/null`
      return (await machine.appliance.run('/bin/sh', ['-c', script])).stdout.trim().split('\n')
    }
    // Each command has a /run of its own here, as after a boot.
    const told = await after('booted')
    expect(told[1]).toMatch(/^belay: be-000001: the upgrade to .* is done, and was not started yet\.$/)
    expect(told.slice(2)).toEqual([
      '  systemctl reboot  to start what comes next',
      '/run/reboot-required',
      '*** belay: a reboot is needed ***',
      '/run/reboot-required.pkgs',
      'belay',
    ])
    expect(await after('confirm --yes')).toEqual(['/run/motd.d/belay', 'none', '/run/reboot-required', 'none', '/run/reboot-required.pkgs', 'none'])
    const once = await after('rollback --once --yes')
    expect(once[1]).toMatch(/^belay: be-000001, generation \d+ \(after upgrade to .*\): confirmed\.$/)
    expect(once[2]).toMatch(/^ {2}The next boot starts be-\d+, generation \d+ \(before upgrade to/)
    expect(once.at(-1)).toBe('belay')
    expect(await after('confirm --yes')).toEqual(['/run/motd.d/belay', 'none', '/run/reboot-required', 'none', '/run/reboot-required.pkgs', 'none'])
  })

  it('goes back across its own upgrade, and the older belay lists, tells and goes forward', async () => {
    await machine.reboot()
    const before = await json<GenerationList>('list')
    const back = await inside('rollback', '--yes')
    expect(back.stderr).toBe('')
    await machine.reboot()
    expect((await inside('--version')).stdout).toContain(`belay/${OLD}`)
    expect((await inside('confirm')).status).toBe(0)
    const list = await json<GenerationList>('list')
    expect(list.generations.map((generation) => generation.id)).toEqual(expect.arrayContaining(before.generations.map((generation) => generation.id)))
    expect((await json<Status>('status')).running?.confirmed).toBe(true)
    expect((await inside('forward', '--yes')).status).toBe(0)
    await machine.reboot()
    expect((await inside('--version')).stdout).toContain(`belay/${NEW}`)
    expect((await inside('confirm')).status).toBe(0)
    expect(await machine.grubBoots()).toBe((await json<Status>('status')).next?.be)
  }, 300_000)
})
