import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, rmdir, writeFile, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNodeFiles } from '../../../src/sys/files-node.ts'
import { parseMountInfo } from '../../../src/sys/mount-table.ts'
import type { Files, Runner } from '../../../src/sys/ports.ts'
import { createExecaRunner } from '../../../src/sys/runner-execa.ts'
import { parseControlGroups } from '../../../src/sys/systemctl-show.ts'
import { RecordingLog } from '../../fakes/recording-log.ts'
import { until } from '../belay/processes.ts'

const START = join(import.meta.dirname, 'start-systemd')
const PRIVATE_SOCKET = '/run/systemd/private'

/** A systemd that runs nothing but units of a test, and how it is reached. */
export interface SystemdInNamespaces {
  readonly runner: Runner
  readonly files: Files
  readonly close: () => Promise<void>
}

/** Targets that every systemd looks for. */
const TARGETS = ['default.target', 'shutdown.target', 'sysinit.target', 'basic.target']

const unitText = (settings: readonly string[]): string => ['[Unit]', 'DefaultDependencies=no', ...settings, ''].join('\n')

const childOf = (pid: number): number | null => {
  const path = `/proc/${String(pid)}/task/${String(pid)}/children`
  const [child] = existsSync(path) ? readFileSync(path, 'utf8').split(' ') : []
  return child === undefined || child === '' ? null : Number(child)
}

/** The process below another, that many generations on. */
const descendantOf = (pid: number, generations: number): number | null => {
  let found: number | null = pid
  for (let generation = 0; generation < generations && found !== null; generation += 1) found = childOf(found)
  return found
}

const removeTree = async (directory: string): Promise<void> => {
  for (const entry of await readdir(directory, { withFileTypes: true })) if (entry.isDirectory()) await removeTree(join(directory, entry.name))
  await rmdir(directory)
}

/**
 * Starts a real systemd beside the one of the machine, if there is one: process 1 of namespaces of its own.
 * @param units settings by the unit's name, as lines of its file behind `[Unit]`
 */
export const startSystemd = async (units: Readonly<Record<string, readonly string[]>>): Promise<SystemdInNamespaces> => {
  const directory = await mkdtemp(join(tmpdir(), 'belay-systemd-'))
  for (const target of TARGETS) await writeFile(join(directory, target), unitText([]))
  for (const [name, settings] of Object.entries(units)) await writeFile(join(directory, name), unitText(settings))
  const group = `belay-test-${String(process.pid)}`
  const outer = spawn(START, [group, directory], { stdio: 'ignore' })
  const { pid } = outer
  if (pid === undefined) throw new Error('unshare could not be started')
  const inside = (): number | null => descendantOf(pid, 2)
  await until('systemd listens', () => Promise.resolve(existsSync(`/proc/${String(inside())}/root${PRIVATE_SOCKET}`)))
  const systemd = String(inside())
  const runner = createExecaRunner(new RecordingLog())
  const files = createNodeFiles(runner)
  const enter = (tool: string, args: readonly string[]) =>
    ['/usr/bin/nsenter', ['--target', systemd, '--mount', '--pid', '--ipc', '--uts', '--net', '--cgroup', '--', tool, ...args]] as const
  return {
    runner: {
      run: (tool, args, options) => runner.run(...enter(tool, args), options),
      stream: (tool, args, options) => runner.stream(...enter(tool, args), options),
    },
    files: { ...files, stat: (path) => files.stat(`/proc/${systemd}/root${path}`) },
    async close() {
      const ended = once(outer, 'close')
      process.kill(Number(systemd), 'SIGKILL')
      outer.kill('SIGKILL')
      await ended
      await until('all that it ran has ended', () => Promise.resolve(!existsSync(`/proc/${systemd}`)))
      const mount = parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8')).find(({ type }) => type === 'cgroup2')
      const own = [
        ...parseControlGroups(
          readFileSync('/proc/self/cgroup', 'utf8')
            .split('\n')
            .filter((line) => line.startsWith('0::'))
            .join('\n'),
        ),
      ]
      if (mount !== undefined) await removeTree(join(mount.mountpoint, ...own, group))
      await rm(directory, { recursive: true })
    },
  }
}
