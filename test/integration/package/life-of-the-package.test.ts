import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import type { DoctorReport } from '../../../src/operations/doctor-report.ts'
import type { Status } from '../../../src/operations/read-status.ts'
import { PackagedMachine } from './packaged-machine.ts'

/** The package as an administrator meets it: each part goes on where the one before it ended. */
const SOURCES = join(import.meta.dirname, '../../../src')
const OLD = '0.1.0~before'
const NEW = '0.1.0'
const GRUB_CFG = 'boot/grub/grub.cfg'
const DEBIAN_CFG = 'boot/grub/belay/debian.cfg'

let packaged: PackagedMachine

const existsInside = async (path: string): Promise<boolean> =>
  (await packaged.machine.appliance.run('/usr/bin/test', ['-e', path], { expect: [0, 1] })).status === 0
const diversions = async (): Promise<string[]> => {
  const { stdout } = await packaged.run('/usr/bin/dpkg-divert', ['--list'])
  return stdout
    .split('\n')
    .filter((line) => line.includes('belay'))
    .sort()
}
/** Whoever has a root on ZFS has its tools; on btrfs they are never run. Who packs kernel modules has what packs them; belay knows no pool features without. */
const NOT_BROUGHT: ReadonlySet<string> = new Set(['/usr/sbin/zfs', '/usr/sbin/zpool', '/usr/bin/xz', '/usr/bin/zstd'])

/** Tools that belay's TypeScript names; its shell programs find theirs in essential packages and in those of GRUB. */
const toolsInSources = async (): Promise<string[]> => {
  const files = (await readdir(SOURCES, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')))
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/'(\/usr\/s?bin\/[a-z0-9.-]+)'/g)].flatMap(([, path]) => path ?? [])))].sort()
}
const isBelays = (text: string): boolean => text.startsWith('# belay grub.cfg')
const codes = (report: DoctorReport): string[] => report.findings.map(({ code }) => code)

beforeAll(async () => {
  packaged = await PackagedMachine.make([OLD, NEW])
}, 300_000)

afterAll(async () => {
  await packaged.close()
})

describe('the package on a machine that belay has not adopted', () => {
  it('is installed by apt and changes nothing about booting', async () => {
    const before = await packaged.read(GRUB_CFG)
    await packaged.apt('install', 'belay')
    expect(await existsInside('/usr/lib/belay/compile-cache')).toBe(true)
    expect(await packaged.read(GRUB_CFG)).toBe(before)
    expect(await existsInside('/boot/grub/belay')).toBe(false)
    expect((await diversions()).map((line) => line.replace(/^diversion of /, ''))).toEqual([
      '/usr/sbin/grub-install to /usr/sbin/grub-install.distrib by belay',
      '/usr/sbin/grub-mkconfig to /usr/sbin/grub-mkconfig.distrib by belay',
    ])
  })

  it('brings the packages of all tools that belay runs by their path', async () => {
    const tools = (await toolsInSources()).filter((tool) => !NOT_BROUGHT.has(tool))
    expect(tools).toContain('/usr/bin/btrfs')
    const query = (format: string, ...names: string[]) => packaged.run('/usr/bin/dpkg-query', ['--show', `--showformat=${format}`, ...names])
    const depends = (await query('${Depends}', 'belay')).stdout.split(/,\s*/).map((dependency) => dependency.split(' ')[0] ?? '')
    const essential = (await query('${Package} ${Essential}\n')).stdout.split('\n').flatMap((line) => (line.endsWith(' yes') ? [line.split(' ')[0] ?? ''] : []))
    const { stdout } = await packaged.run('/usr/bin/dpkg-query', ['--search', ...tools])
    const owners = new Map(stdout.split('\n').map((line) => [line.split(': ')[1] ?? '', line.split(':')[0] ?? '']))
    // systemd is recommended: a reboot is the one thing that belay asks of it.
    const brought = new Set(['systemd', ...depends, ...essential])
    expect(tools.filter((tool) => !brought.has(owners.get(tool) ?? ''))).toEqual([])
  })

  it('leaves update-grub and grub-install to Debian', async () => {
    await packaged.write(GRUB_CFG, '')
    await packaged.run('/usr/sbin/update-grub', [])
    expect(await packaged.read(GRUB_CFG)).toContain('menuentry ')
    expect((await packaged.run('/usr/sbin/grub-install', ['--version'])).stdout).toContain('(GRUB) 2.')
  })

  it('runs belay by its own runtime, whatever the caller wants Node to load', async () => {
    await packaged.write('tmp/evil.cjs', "require('node:fs').writeFileSync('/tmp/loaded', '')\n")
    const env = {
      NODE_OPTIONS: '--require /tmp/evil.cjs',
      NODE_PATH: '/tmp',
      NODE_COMPILE_CACHE: '/tmp/cache',
      NODE_V8_COVERAGE: '/tmp/coverage',
    }
    const { stdout } = await packaged.belay(['--version'], { env })
    expect(stdout).toBe(`belay/${OLD} ${process.platform}-${process.arch} node-${process.version}\n`)
    await packaged.belay(['status'], { env })
    for (const path of ['/tmp/loaded', '/tmp/cache', '/tmp/coverage']) expect(await existsInside(path), path).toBe(false)
  })

  it('says that nothing is adopted yet', async () => {
    expect((await packaged.belay(['list'])).stderr).toContain('belay init')
    expect((await packaged.json<Status>('status')).running).toBeNull()
  })

  it('is replaced by a newer version, which diverts nothing twice', async () => {
    const before = await diversions()
    packaged.packages.publish([OLD, NEW])
    await packaged.apt('install', 'belay')
    expect((await packaged.belay(['--version'])).stdout).toContain(`belay/${NEW} `)
    expect(await diversions()).toEqual(before)
    const chunks = (await packaged.run('/usr/bin/ls', ['/usr/lib/belay/dist'])).stdout.split('\n')
    expect(chunks.filter((name) => name.startsWith(OLD))).toEqual([])
  })
})

describe('the package on a machine that belay has adopted', () => {
  let belaysMenu: string

  it('adopts it', async () => {
    const made = await packaged.belay(['init', '--config', '/etc/acme', '--yes'])
    expect(made.status, made.stderr).toBe(0)
    await packaged.machine.reboot()
    expect((await packaged.json<Status>('status')).running?.be).toBe('be-000001')
    belaysMenu = await packaged.read(GRUB_CFG)
    expect(isBelays(belaysMenu)).toBe(true)
  })

  it('writes nothing into root, and on the GRUB partition only what is its own, when commands run', async () => {
    await packaged.run('/usr/bin/touch', ['/tmp/marker'])
    await sleep(20)
    for (const args of [['list'], ['status'], ['show', '1'], ['doctor'], ['audit'], ['--help'], ['upgrade', '--plan'], ['no-such-command']])
      await packaged.belay(args)
    await packaged.belay(['snapshot', '-m', 'looked at', '--yes'])
    await packaged.belay(['keep', '1'])
    const marker = join(packaged.machine.root, 'tmp/marker')
    expect(await packaged.changedSince(marker, '/')).toEqual([])
    const onGrubPartition = await packaged.changedSince(marker, '/boot/grub')
    expect(onGrubPartition).toContain('/boot/grub/belay/menu.cfg')
    expect(onGrubPartition.filter((path) => !path.startsWith('/boot/grub/belay'))).toEqual([])
  })

  it.each([
    ['update-grub', ['/usr/sbin/update-grub']],
    ['grub-mkconfig by hand', ['/usr/sbin/grub-mkconfig', '-o', '/boot/grub/grub.cfg']],
    ['dpkg-reconfigure grub-pc', ['/usr/sbin/dpkg-reconfigure', '--frontend=noninteractive', 'grub-pc']],
    [
      "an upgrade of GRUB's packages",
      ['/usr/bin/apt-get', '--quiet', '--yes', 'install', '--only-upgrade', 'grub-common', 'grub2-common', 'grub-pc', 'grub-pc-bin'],
    ],
  ] as const)('keeps grub.cfg through %s, which writes Debian’s menu beside it', async (name, [program, ...args]) => {
    if (name.includes('upgrade')) {
      packaged.machine.repository.publish(['1.0.0'], { kernel: false, grub: true })
      await packaged.run('/usr/bin/apt-get', ['--quiet', 'update'])
    }
    await packaged.write(DEBIAN_CFG, 'old\n')
    await packaged.run(program, args)
    await packaged.belay(['close-upgrade'])
    expect(await packaged.read(GRUB_CFG)).toBe(belaysMenu)
    const debians = await packaged.read(DEBIAN_CFG)
    expect(debians).toContain('menuentry ')
    // What GRUB sees, without the journal.
    expect((await packaged.machine.appliance.grubReads('/belay/debian.cfg')).toString('utf8')).toBe(debians)
    expect(await packaged.machine.grubBoots()).toBe('be-000001')
    // The new GRUB went where the diversion says.
    expect(await packaged.run('/usr/bin/readlink', ['/usr/sbin/grub-mkconfig'])).toMatchObject({ stdout: '../lib/belay/libexec/grub-mkconfig\n' })
  })

  it('gives Debian its menu back when it is removed, which GRUB can start, and leaves versions and records alone', async () => {
    const before = await packaged.subvolumes()
    const { stderr, stdout } = await packaged.apt('remove', 'belay')
    expect(stdout + stderr).toContain("Debian's own GRUB menu")
    expect(stdout + stderr).toContain('/var/lib/belay')
    expect(await diversions()).toEqual([])
    expect(await existsInside('/usr/lib/belay')).toBe(false)
    expect(await existsInside('/usr/sbin/grub-mkconfig.distrib')).toBe(false)
    expect(await packaged.subvolumes()).toEqual(before)
    // What GRUB sees, without the journal.
    expect((await packaged.machine.appliance.grubReads('/grub.cfg')).toString('utf8')).toBe(await packaged.read(GRUB_CFG))
    await expectDebianStarts()
    await packaged.write(GRUB_CFG, '')
    await packaged.run('/usr/sbin/update-grub', [])
    await expectDebianStarts()
  })

  it('takes nothing over when it is installed again, and says how belay does', async () => {
    const debians = await packaged.read(GRUB_CFG)
    const { stdout, stderr } = await packaged.apt('install', 'belay')
    expect(stdout + stderr).toContain('belay doctor --fix')
    expect(await packaged.read(GRUB_CFG)).toBe(debians)
    // Debian's menu is the one that starts the machine: a new kernel has to get into it.
    await packaged.write(GRUB_CFG, '')
    await packaged.run('/usr/sbin/update-grub', [])
    await expectDebianStarts()
    expect(codes(await packaged.json<DoctorReport>('doctor'))).toContain('grub-cfg')
    const fixed = await packaged.belay(['doctor', '--fix'])
    expect(fixed.status, fixed.stdout + fixed.stderr).toBe(0)
    expect(await packaged.read(GRUB_CFG)).toBe(belaysMenu)
    expect(await packaged.machine.grubBoots()).toBe('be-000001')
  })

  it("leaves belay's menu, which starts without the package, when Debian's cannot be made", async () => {
    await packaged.write('etc/grub.d/00_broken', '#!/bin/sh\nexit 1\n')
    await packaged.run('/usr/bin/chmod', ['755', '/etc/grub.d/00_broken'])
    const { stdout, stderr } = await packaged.apt('remove', 'belay')
    expect(stdout + stderr).toContain('goes on to start what it starts now')
    expect(await packaged.read(GRUB_CFG)).toBe(belaysMenu)
    expect(await packaged.machine.grubBoots()).toBe('be-000001')
    await packaged.run('/usr/bin/rm', ['/etc/grub.d/00_broken'])
    await packaged.run('/usr/sbin/update-grub', [])
    await expectDebianStarts()
    await packaged.apt('install', 'belay')
  })

  it('is purged without a trace of its own, and without touching versions and data', async () => {
    const before = await packaged.subvolumes()
    await packaged.apt('purge', 'belay')
    expect(await packaged.subvolumes()).toEqual(before)
    expect(JSON.parse(await packaged.read('var/lib/belay/index.json'))).toHaveProperty('generations')
    for (const path of ['/etc/belay', '/usr/lib/belay', '/usr/bin/belay', '/var/log/belay.log', '/etc/kernel/postinst.d/zz-belay', '/usr/share/doc/belay'])
      expect(await existsInside(path), path).toBe(false)
    const { stdout } = await packaged.machine.appliance.run('/usr/bin/dpkg-query', ['--show', '--showformat=${db:Status-Status}', 'belay'], { expect: [0, 1] })
    expect(['', 'not-installed']).toContain(stdout)
    await expectDebianStarts()
  })
})

/** grub.cfg is a script for GRUB that starts a kernel which GRUB finds in the pool, with the root that runs now. */
async function expectDebianStarts(): Promise<void> {
  const menu = await packaged.read(GRUB_CFG)
  await runTool('/usr/bin/grub-script-check', [], { input: menu })
  const [, kernel = '', kernelArguments] = /^\s*linux\s+(\S+)\s+(.*)$/m.exec(menu) ?? []
  const [, initrd = ''] = /^\s*initrd\s+(\S+)/m.exec(menu) ?? []
  expect(kernelArguments).toContain('rootflags=subvol=@belay/be/be-000001/root')
  for (const path of [kernel, initrd]) await packaged.grubReadsFromPool(path)
}
