import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findDebianArchive } from '../../demo/debian-archive.ts'
import { runTool } from '../../demo/run-tool.ts'
import { createAptPackages } from '../../src/pkg/apt/apt-packages.ts'
import { systemClock } from '../../src/sys/clock-system.ts'
import type { PackageRun, PackageWork, StagedPackages } from '../../src/pkg/packages.ts'
import { planRelease, type ReleaseChange, refuseSimulation } from '../../src/pkg/release/plan-release.ts'
import { libexec } from '../../src/program-directory.ts'
import { createNodeFiles } from '../../src/sys/files-node.ts'
import { createExecaRunner } from '../../src/sys/runner-execa.ts'
import { RecordingLog } from '../fakes/recording-log.ts'
import { type DebianRoot, openDebianRoot } from '../integration/pkg/debian-root.ts'

/** A root of Debian 12 becomes Debian 13 by its own apt and dpkg, from the archives that this machine's apt knows. */
const ENTER_ROOT = libexec('enter-root')
const quietly = (): PackageWork => ({ onProgress: () => undefined, signal: new AbortController().signal })

let debian: DebianRoot
let root: string
let release: () => Promise<void>

const inside = async (tool: string, ...args: string[]): Promise<string> => (await runTool(ENTER_ROOT, [root, tool, ...args])).stdout
const textOf = (path: string): Promise<string> => readFile(join(root, path), 'utf8')
const namesIn = async (path: string): Promise<string[]> => (await readdir(join(root, path))).sort()

/** Files below /etc/apt and /var/lib/apt, by size and time. */
const aptState = async (): Promise<string> =>
  (await runTool('/usr/bin/find', [join(root, 'etc/apt'), join(root, 'var/lib/apt'), join(root, 'var/cache/apt'), '-type', 'f', '-printf', '%P %s %T@\n']))
    .stdout

const openPackages = () => {
  const runner = createExecaRunner(new RecordingLog())
  const policy = { conffiles: 'keep', debconf: [] } as const
  return createAptPackages({
    files: createNodeFiles(runner),
    runner,
    clock: systemClock,
    root,
    enterRoot: ENTER_ROOT,
    besideGrubCfg: libexec('beside-grub-cfg'),
    readDeb: libexec('read-deb'),
    policy,
  })
}

beforeAll(async () => {
  debian = await openDebianRoot('bookworm')
  ;({ directory: root, release } = await debian.overlay())
  const archive = await findDebianArchive()
  await copyFile('/etc/resolv.conf', join(root, 'etc/resolv.conf'))
  await mkdir(join(root, 'etc/apt/sources.list.d'), { recursive: true })
  await writeFile(join(root, 'etc/apt/sources.list'), `# main archive\ndeb ${archive.release} bookworm main # all that is needed\n`)
  const fields = ['# security', 'Types: deb', `URIs: ${archive.security}`, 'Suites:', ' bookworm-security', 'Components: main', '']
  await writeFile(join(root, 'etc/apt/sources.list.d/security.sources'), fields.join('\n'))
  await inside('/usr/bin/apt-get', '--quiet=2', 'update')
})

afterAll(async () => {
  await release()
  await debian.release()
})

describe('a real Debian 12', () => {
  const packages = () => openPackages()
  let staged: StagedPackages
  let change: ReleaseChange
  let runs: readonly PackageRun[]
  let before: string
  let held: string

  it('is planned from lists beside its own, which stay as they are', async () => {
    before = await aptState()
    const facts = await packages().releaseFacts()
    expect(facts.essential).toContain('base-files')
    change = planRelease(facts, 'trixie')
    staged = await packages().stageSources(change.sources, { pid: process.pid, startTime: '1', isAlive: () => Promise.resolve(false) })
    await staged.refresh(quietly())
    const simulation = await staged.simulate([])
    refuseSimulation(simulation, change, facts, [])
    expect(simulation.changes.find(({ name }) => name === 'base-files')?.to).toMatch(/^13/)
    expect(simulation.changes.filter(({ to }) => to === null).length).toBeGreaterThan(0)
    expect(simulation.unpackedBytes).toBeGreaterThan(simulation.diskBytes)
    runs = await staged.order(simulation)
    expect(runs.map(({ label }) => label)).toEqual(['release upgrade'])
    expect((await aptState()).split('\n').filter((line) => !line.startsWith('belay-'))).toEqual(before.split('\n'))
    await staged.discard()
    expect(await aptState()).toBe(before)
  })

  it('takes away what a killed belay left beside its lists', async () => {
    await mkdir(join(root, 'var/lib/apt/belay-4711-1/lists/partial'), { recursive: true })
    staged = await packages().stageSources(change.sources, { pid: process.pid, startTime: '2', isAlive: () => Promise.resolve(false) })
    expect(await namesIn('var/lib/apt')).not.toContain('belay-4711-1')
  })

  it('becomes Debian 13 in one run, exactly as planned', async () => {
    await inside('/usr/bin/apt-mark', 'auto', 'gzip')
    held = await inside('/usr/bin/apt-mark', 'showmanual')
    await staged.refresh(quietly())
    runs = await staged.order(await staged.simulate([]))
    await staged.keepLists()
    await staged.download(runs, quietly())
    expect(await staged.fileAfter(runs, '/usr/lib/os-release')).toContain('VERSION_CODENAME=trixie')
    // Nothing of the stage is on disk when a restore point would be taken.
    expect((await namesIn('var/lib/apt')).filter((name) => name.startsWith('belay'))).toEqual([])
    await staged.changeSources(change.sources)
    for (const run of runs) await staged.apply(run, 'keep', quietly())
    await staged.verify()
    await staged.discard()
    expect(await textOf('etc/debian_version')).toMatch(/^13/)
    expect(await inside('/usr/bin/dpkg', '--audit')).toBe('')
    const manual = (await inside('/usr/bin/apt-mark', 'showmanual')).split('\n')
    expect(
      manual.filter((name) => !held.split('\n').includes(name)),
      'packages that became manual',
    ).toEqual([])
  }, 600_000)

  it('has sources of Debian 13, and nothing more to upgrade', async () => {
    expect(await textOf('etc/apt/sources.list')).toMatch(/^# main archive\ndeb \S+ trixie main # all that is needed\n$/)
    expect(await textOf('etc/apt/sources.list.d/security.sources')).toContain('Suites:\n trixie-security\n')
    expect((await packages().simulate([])).changes).toEqual([])
    expect((await packages().releaseFacts()).osRelease).toEqual({ id: 'debian', codename: 'trixie' })
    expect((await namesIn('var/lib/apt')).filter((name) => name.startsWith('belay'))).toEqual([])
  })
})
