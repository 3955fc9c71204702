import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { runTool } from '../../../demo/run-tool.ts'
import { NoSpaceError, RefusedError } from '../../../src/errors.ts'
import type { PackageRun, PackageWork } from '../../../src/pkg/packages.ts'
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

  it('keeps what is marked as automatic, and marks what only others need', async () => {
    const subject = await machineWith(['acme-tool=1', 'acme-lib=1'])
    await subject.inside('/usr/bin/apt-mark', ['auto', 'acme-lib'])
    await upgrade(subject)
    await upgrade(subject, ['acme-new'])
    expect((await subject.inside('/usr/bin/apt-mark', ['showauto'])).split('\n').filter((name) => name.startsWith('acme'))).toEqual([
      'acme-dependency',
      'acme-lib',
    ])
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
