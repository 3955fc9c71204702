import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { NoSpaceError, RefusedError } from '../../../src/errors.ts'
import type { PackageRun, PackageWork } from '../../../src/pkg/packages.ts'
import { moveSources } from '../../../src/pkg/release/move-sources.ts'
import { CATALOGUE, type CataloguePackage } from '../../contract/packages-catalogue.ts'
import { type AptMachine, openAptMachine } from './apt-machine.ts'
import { type DebianRoot, openDebianRoot } from './debian-root.ts'
import { buildPool, type PackagePool } from './package-archive.ts'

/** Random text of that many bytes does not shrink when it is packed. */
const bulky = (bytes: number): string => {
  let state = 1
  return Array.from({ length: bytes }, () => {
    state = (state * 48271) % 2147483647
    return String.fromCharCode(33 + (state % 90))
  }).join('')
}

const EXTRA: readonly CataloguePackage[] = [{ name: 'acme-bulky', version: '1', files: { '/usr/share/acme-bulky/content': bulky(300_000) } }]

const quietly = (): PackageWork => ({ onProgress: () => undefined, signal: new AbortController().signal })

describe('apt on a real Debian', () => {
  let debian: DebianRoot
  let pool: PackagePool
  let scratch: string
  let machine: AptMachine | null = null

  const machineWith = async (installed: readonly string[]): Promise<AptMachine> => {
    machine = await openAptMachine(debian, pool, { installed })
    return machine
  }

  const planned = async ({ packages }: AptMachine, requested: readonly string[] = []): Promise<readonly PackageRun[]> =>
    packages.order(await packages.simulate(requested))

  const upgrade = async (subject: AptMachine, requested: readonly string[] = []): Promise<void> => {
    const runs = await planned(subject, requested)
    await subject.packages.download(runs, quietly())
    for (const run of runs) await subject.packages.apply(run, 'keep', quietly())
  }

  beforeAll(async () => {
    debian = await openDebianRoot('trixie')
    scratch = await mkdtemp(join(tmpdir(), 'belay-pool-'))
    pool = await buildPool([...CATALOGUE, ...EXTRA], scratch)
  })

  afterEach(async () => {
    await machine?.release()
    machine = null
  })

  afterAll(async () => {
    await debian.release()
    await rm(scratch, { recursive: true })
  })

  it('refuses what would change a package on hold, and says what is kept back', async () => {
    const subject = await machineWith(['acme-tool=1', 'acme-lib=1'])
    await subject.inside('/usr/bin/apt-mark', ['hold', 'acme-lib'])
    const { changes, keptBack } = await subject.packages.simulate([])
    expect(changes).toEqual([])
    expect(keptBack).toEqual(['acme-lib', 'acme-tool'])
    await expect(subject.packages.simulate(['acme-lib'])).rejects.toThrow(RefusedError)
  })

  it('says where the archives do not fit, before anything is installed', async () => {
    const subject = await machineWith([])
    await runTool('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', join(subject.root, 'var/cache/apt/archives')])
    const runs = await planned(subject, ['acme-bulky'])
    await expect(subject.packages.download(runs, quietly())).rejects.toThrow(NoSpaceError)
    expect((await subject.packages.installed()).map(({ name }) => name)).not.toContain('acme-bulky')
  })

  it('counts what has to be fetched, and nothing once it is here', async () => {
    const subject = await machineWith([])
    const before = await subject.packages.simulate(['acme-bulky'])
    expect(before.downloadBytes).toBeGreaterThan(200_000)
    expect(before.diskBytes).toBe(16 * 1024)
    await subject.packages.download(await planned(subject, ['acme-bulky']), quietly())
    expect((await subject.packages.simulate(['acme-bulky'])).downloadBytes).toBe(0)
  })

  it('upgrades from a repository in a directory, whose archives are not copied', async () => {
    const subject = await machineWith(['acme-gateway=1'])
    await runTool('/usr/bin/cp', ['-r', join(scratch, 'pool'), join(subject.root, 'srv/pool')])
    const { text } = await fetch(`${subject.archiveUrl}Packages`).then(async (response) => ({ text: await response.text() }))
    await subject.write('/srv/Packages', text)
    await subject.write('/etc/apt/sources.list.d/acme.list', 'deb [trusted=yes] file:/srv ./\n')
    await subject.packages.refresh(quietly())
    const runs = await planned(subject)
    expect((await subject.packages.simulate([])).downloadBytes).toBe(0)
    await subject.packages.download(runs, quietly())
    expect(await subject.packages.fileAfter(runs, '/usr/share/acme-gateway/data-format')).toBe('2.0.0\n')
    for (const run of runs) await subject.packages.apply(run, 'keep', quietly())
    await subject.packages.verify()
    expect(await subject.read('/usr/share/acme-gateway/data-format')).toBe('2.0.0\n')
  })

  it('stages a repository in a directory, and leaves nothing of the stage on disk between two runs of apt', async () => {
    const subject = await machineWith(['acme-gateway=1'])
    const stages = async () => (await subject.inside('/usr/bin/ls', ['/var/lib/apt'])).split('\n').filter((name) => name.startsWith('belay'))
    await runTool('/usr/bin/cp', ['-r', join(scratch, 'pool'), join(subject.root, 'srv/pool')])
    await subject.write('/srv/trixie/Packages', await fetch(`${subject.archiveUrl}Packages`).then((response) => response.text()))
    await subject.write('/srv/bookworm/Packages', '')
    await subject.remove('/etc/apt/sources.list.d/acme.list')
    await subject.write('/etc/apt/sources.list', 'deb [trusted=yes] file:/srv bookworm/\n')
    await subject.packages.refresh(quietly())
    await subject.inside('/usr/bin/mkdir', ['/var/lib/apt/belay-4711-1'])
    const { changes } = moveSources((await subject.packages.releaseFacts()).sources, 'bookworm', 'trixie')
    const staged = await subject.packages.stageSources(changes, { pid: 4712, startTime: '1', isAlive: ({ pid }) => Promise.resolve(pid === 4712) })
    // What a killed belay left is gone.
    expect(await stages()).toEqual(['belay-4712-1'])
    await staged.refresh(quietly())
    const runs = await staged.order(await staged.simulate([]))
    expect(runs.flatMap(({ packages }) => packages.map(({ name }) => name))).toEqual(['acme-gateway'])
    await staged.keepLists()
    expect(await stages()).toEqual([])
    await staged.download(runs, quietly())
    expect(await staged.fileAfter(runs, '/usr/share/acme-gateway/data-format')).toBe('2.0.0\n')
    expect(await stages()).toEqual([])
    expect(await subject.read('/etc/apt/sources.list')).toContain('bookworm/')
  })

  it('refuses to stage where a symbolic link leads out of a mounted root', async () => {
    const subject = await machineWith([])
    const elsewhere = join(scratch, 'elsewhere')
    await runTool('/usr/bin/mkdir', [elsewhere])
    await runTool('/usr/bin/mv', [join(subject.root, 'var/lib/apt'), join(subject.root, 'var/lib/apt.old')])
    await runTool('/usr/bin/ln', ['-s', elsewhere, join(subject.root, 'var/lib/apt')])
    const owner = { pid: 4712, startTime: '1', isAlive: () => Promise.resolve(false) }
    await expect(subject.packages.stageSources([], owner)).rejects.toThrow(RefusedError)
    expect((await runTool('/usr/bin/ls', [elsewhere])).stdout).toBe('')
  })

  it('tells which packages are on hold, and which the system needs', async () => {
    const subject = await machineWith(['acme-lib=1'])
    await subject.inside('/usr/bin/apt-mark', ['hold', 'acme-lib'])
    const { held, essential, osRelease } = await subject.packages.releaseFacts()
    expect([held, osRelease]).toEqual([['acme-lib'], { id: 'debian', codename: 'trixie' }])
    expect(essential).toEqual(expect.arrayContaining(['base-files', 'dpkg', 'libc-bin']))
    expect(essential).not.toContain('acme-lib')
  })

  it('reads the packages of another root, a read-only one too', async () => {
    const subject = await machineWith(['acme-lib=1'])
    const snapshot = join(scratch, 'snapshot')
    await runTool('/usr/bin/mkdir', ['-p', join(snapshot, 'var/lib/dpkg')])
    await runTool('/usr/bin/cp', [join(subject.root, 'var/lib/dpkg/status'), join(snapshot, 'var/lib/dpkg/status')])
    await runTool('/usr/bin/mount', ['--bind', '-o', 'ro', snapshot, snapshot])
    try {
      await upgrade(subject)
      const versionIn = async (root?: string) => (await subject.packages.installed(root)).find(({ name }) => name === 'acme-lib')?.version
      expect(await versionIn(snapshot)).toBe('1')
      expect(await versionIn()).toBe('2')
    } finally {
      await runTool('/usr/bin/umount', [snapshot])
    }
  })
})
