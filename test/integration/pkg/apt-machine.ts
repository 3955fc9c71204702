import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { createAptPackages } from '../../../src/pkg/apt/apt-packages.ts'
import { systemClock } from '../../../src/sys/clock-system.ts'
import { libexec } from '../../../src/program-directory.ts'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { type PackagesSetup, type PackagesUnderTest, SUITE_SOURCES, suiteSources } from '../../contract/packages-contract.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import type { DebianRoot } from './debian-root.ts'
import type { PackagePool } from './package-archive.ts'

const HOLD_LOCK = join(import.meta.dirname, 'hold-lock.pl')
const ENTER_ROOT = libexec('enter-root')

export interface AptMachine extends PackagesUnderTest {
  readonly root: string
  readonly archiveUrl: string
  /** Run a tool inside the root. */
  inside(tool: string, args: readonly string[]): Promise<string>
}

const textOrNull = (path: string): Promise<string | null> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })

/** A real Debian root with real apt, an archive over HTTP, and version 1 of some packages. */
export async function openAptMachine(
  debian: DebianRoot,
  pool: PackagePool,
  { installed, policy = { conffiles: 'keep', debconf: [] } }: PackagesSetup,
): Promise<AptMachine> {
  const overlay = await debian.overlay()
  const root = overlay.directory
  const outside = await mkdtemp(join(tmpdir(), 'belay-outside-'))
  const { server, withdraw } = await pool.serve()
  const closers: (() => Promise<void>)[] = []
  const inside = async (tool: string, args: readonly string[]): Promise<string> =>
    (await runTool(ENTER_ROOT, [root, tool, ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } })).stdout
  await mkdir(join(root, 'etc/apt/sources.list.d'), { recursive: true })
  await writeFile(join(root, 'etc/apt/sources.list.d/acme.list'), `deb [trusted=yes] ${server.url} ./\n`)
  await writeFile(join(root, SUITE_SOURCES), suiteSources(server.url))
  await inside('/usr/bin/apt-get', ['--quiet=2', 'update'])
  if (installed.length > 0) await inside('/usr/bin/apt-get', ['--quiet=2', '--yes', 'install', ...installed])
  await inside('/usr/bin/apt-get', ['clean'])
  const runner = createExecaRunner(new RecordingLog())
  const files = createNodeFiles(runner)
  return {
    root,
    archiveUrl: server.url,
    inside,
    packages: createAptPackages({
      files,
      runner,
      clock: systemClock,
      root,
      enterRoot: ENTER_ROOT,
      besideGrubCfg: libexec('beside-grub-cfg'),
      readDeb: libexec('read-deb'),
      policy,
    }),
    read: (path) => textOrNull(join(root, path)),
    async write(path, text) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    },
    remove: (path) => rm(join(root, path)),
    outside: { directory: outside, read: textOrNull },
    withdraw(name, version) {
      withdraw(name, version)
      return Promise.resolve()
    },
    disconnect: () => server.close(),
    async interruptDpkg() {
      const status = await readFile(join(root, 'var/lib/dpkg/status'), 'utf8')
      const [entry = ''] = status.split('\n\n').filter((text) => text.startsWith('Package: dpkg\n'))
      await mkdir(join(root, 'var/lib/dpkg/updates'), { recursive: true })
      await writeFile(join(root, 'var/lib/dpkg/updates/0001'), `${entry}\n`)
    },
    async holdLock() {
      const child = spawn('/usr/bin/perl', [HOLD_LOCK, join(root, 'var/lib/dpkg/lock-frontend')], { stdio: ['pipe', 'pipe', 'inherit'] })
      const ended = once(child, 'exit')
      closers.push(async () => {
        child.stdin.end()
        await ended
      })
      await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('the lock could not be taken')))])
      return child.pid ?? 0
    },
    async release() {
      for (const close of closers) await close()
      await server.close()
      await overlay.release()
      await rm(outside, { recursive: true })
    },
  }
}
