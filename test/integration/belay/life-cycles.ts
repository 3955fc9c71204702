import { mkdir, readdir, readFile, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { parsePackageIndex, renderRepositoryIndex } from '../../../demo/vendor/package-index.ts'
import { poolFile, type RepositoryServer, serveRepository } from '../../../demo/vendor/repository-server.ts'
import type { Index } from '../../../src/snap/model.ts'
import type { Machine } from './machine.ts'
import { belongings } from './whole-appliance.ts'

/** What the application's maintainer script found open when it was configured. */
const DESCRIPTORS = 'usr/lib/acme-tally/descriptors'
/** What timeout(1) ends with. */
const TIMED_OUT = 124
const PAYLOAD_BYTES = 256 * 1024
const VERSIONS = ['1.0.0', '2.0.0'] as const

// The shell itself keeps its script open, and lists a directory only while it lists it.
const POSTINST = `#!/bin/sh
set -eu
mkdir -p /usr/lib/acme-tally
for fd in /proc/$$/fd/*; do
	target=$(readlink "$fd") || continue
	printf '%s %s\\n' "\${fd##*/}" "$target"
done >/${DESCRIPTORS}.new
mv /${DESCRIPTORS}.new /${DESCRIPTORS}
`

const buildVersion = async (directory: string, version: string): Promise<void> => {
  const tree = join(directory, 'trees', version)
  await mkdir(join(tree, 'DEBIAN'), { recursive: true })
  await mkdir(join(tree, 'usr/share/acme-tally'), { recursive: true })
  await writeFile(
    join(tree, 'DEBIAN/control'),
    `Package: acme-tally\nVersion: ${version}\nArchitecture: all\nMaintainer: Acme <packages@acme.example>\nDescription: package that is upgraded again and again\n`,
  )
  await writeFile(join(tree, 'DEBIAN/postinst'), POSTINST, { mode: 0o755 })
  await writeFile(join(tree, 'usr/share/acme-tally/payload'), version.padEnd(PAYLOAD_BYTES, version))
  await runTool('/usr/bin/dpkg-deb', ['-Znone', '--root-owner-group', '--build', '--', tree, join(directory, `pool/acme-tally_${version}_all.deb`)])
}

/** An archive with both versions of a small application. */
const serveTally = async (directory: string): Promise<RepositoryServer> => {
  await mkdir(join(directory, 'pool'), { recursive: true })
  for (const version of VERSIONS) await buildVersion(directory, version)
  const { stdout } = await runTool('/usr/bin/dpkg-scanpackages', ['--multiversion', 'pool'], { cwd: directory })
  const index = renderRepositoryIndex(parsePackageIndex(stdout), new Date())
  return serveRepository((path) => {
    if (path === 'Release') return { text: index.release }
    if (path === 'Packages') return { text: index.packages }
    const file = poolFile(directory, path)
    return file === null ? null : { file }
  }, 0)
}

/** What an appliance and this machine hold at the end of a cycle. */
export interface Cycle {
  readonly milliseconds: number
  readonly poolBytes: number
  readonly grubBytes: number
  readonly counts: {
    readonly generations: number
    readonly bootEnvironments: number
    readonly subvolumes: number
    readonly containers: number
    readonly manifests: number
    readonly bootSets: number
    readonly sets: number
    readonly onGrubPartition: number
    readonly inState: number
    readonly mounts: number
    readonly loopDevices: number
    /** Mounts of the pool in places where a command works while it runs. */
    readonly workMounts: number
  }
  readonly journals: { readonly closed: number; readonly bytes: number }
  readonly auditBytes: number
  /** Lines of number and target. */
  readonly descriptors: string
}

const usedBytes = async (directory: string): Promise<number> => {
  const { bsize, blocks, bfree } = await statfs(directory)
  return (blocks - bfree) * bsize
}

const loopDevicesOf = async (image: string): Promise<number> => {
  const files = await Promise.all((await readdir('/sys/block')).map((name) => readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')))
  return files.filter((text) => text.trimEnd() === image).length
}

/**
 * Deleted subvolumes give their space back once btrfs has cleaned up behind them. One that a process in another mount namespace still has mounted never is,
 * and is not waited for.
 */
const usedPoolBytes = (machine: Machine): Promise<number> =>
  machine.atTopLevel(async (top) => {
    await runTool('/usr/bin/timeout', ['20', '/usr/bin/btrfs', 'subvolume', 'sync', top], { expect: [0, TIMED_OUT] })
    await runTool('/usr/bin/btrfs', ['filesystem', 'sync', top])
    return usedBytes(top)
  })

const measure = async (machine: Machine, milliseconds: number): Promise<Cycle> => {
  const found = await belongings(machine)
  const index = JSON.parse(found.index ?? '') as Index
  const state = join(machine.root, 'var/lib/belay')
  const closed = await readdir(join(state, 'journal/closed'))
  const sizes = await Promise.all(closed.map(async (name) => (await stat(join(state, 'journal/closed', name))).size))
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return {
    milliseconds,
    poolBytes: await usedPoolBytes(machine),
    grubBytes: await usedBytes(join(machine.root, 'boot/grub')),
    counts: {
      generations: index.generations.length,
      bootEnvironments: index.bootEnvironments.length,
      subvolumes: found.subvolumes.length,
      containers: found.containers.length,
      manifests: found.manifests.length,
      bootSets: found.bootSets.length,
      sets: found.sets.length,
      onGrubPartition: found.onGrubPartition.length,
      inState: found.state.length,
      mounts: mounts.filter((line) => line.includes(machine.root)).length,
      loopDevices: await loopDevicesOf(machine.appliance.rawImage),
      workMounts: mounts.filter((line) => line.includes(' /run/belay/') && line.includes(machine.appliance.btrfsDevice)).length,
    },
    journals: { closed: closed.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
    auditBytes: (await stat(join(state, 'audit.jsonl'))).size,
    descriptors: await readFile(join(machine.root, DESCRIPTORS), 'utf8'),
  }
}

export interface Life {
  /** What the maintainer script found open when apt alone installed the package. */
  readonly descriptorsOfApt: string
  readonly cycles: readonly Cycle[]
}

/**
 * Upgrades an application, boots, confirms, goes back to the version before, boots, confirms, and lets the retention rule of the default policy take what is
 * old; so many times. What an upgraded version holds is read before it is left.
 */
export const liveThrough = async (machine: Machine, directory: string, count: number): Promise<Life> => {
  const server = await serveTally(directory)
  const cycles: Cycle[] = []
  try {
    await machine.appliance.useRepository(server.url)
    await machine.install(`acme-tally=${VERSIONS[0]}`)
    const descriptorsOfApt = await readFile(join(machine.root, DESCRIPTORS), 'utf8')
    const payload = join(machine.root, 'usr/share/acme-tally/payload')
    const expectVersion = async (version: string): Promise<void> => {
      const text = await readFile(payload, 'utf8')
      if (!text.startsWith(version)) throw new Error(`cycle ${String(cycles.length + 1)} runs ${text.slice(0, 5)} in place of ${version}`)
    }
    while (cycles.length < count) {
      const began = performance.now()
      await machine.must('upgrade', 'acme-tally', '--yes')
      await machine.rebootAndConfirm()
      await expectVersion(VERSIONS[1])
      const descriptors = await readFile(join(machine.root, DESCRIPTORS), 'utf8')
      await machine.must('rollback', '--yes')
      await machine.rebootAndConfirm()
      await expectVersion(VERSIONS[0])
      await machine.must('prune', '--yes')
      cycles.push({ ...(await measure(machine, Math.round(performance.now() - began))), descriptors })
    }
    return { descriptorsOfApt, cycles }
  } finally {
    await server.close()
    await machine.appliance.useRepository(machine.server.url)
  }
}

const MIB = 1024 * 1024

const COLUMNS: readonly (readonly [string, (cycle: Cycle) => number])[] = [
  ['seconds', ({ milliseconds }) => milliseconds / 1000],
  ['pool MiB', ({ poolBytes }) => poolBytes / MIB],
  ['GRUB MiB', ({ grubBytes }) => grubBytes / MIB],
  ['generations', ({ counts }) => counts.generations],
  ['subvolumes', ({ counts }) => counts.subvolumes],
  ['boot sets', ({ counts }) => counts.sets],
  ['mounts', ({ counts }) => counts.mounts],
  ['journals', ({ journals }) => journals.closed],
  ['journal KiB', ({ journals }) => journals.bytes / 1024],
  ['audit KiB', ({ auditBytes }) => auditBytes / 1024],
]

/** The first, the middle and the last tenth of the cycles, each at least one, as means. */
const tenths = (cycles: readonly Cycle[]): readonly (readonly [string, readonly Cycle[]])[] => {
  const size = Math.max(1, Math.floor(cycles.length / 10))
  const middle = Math.floor((cycles.length - size) / 2)
  return [
    ['first', cycles.slice(0, size)],
    ['middle', cycles.slice(middle, middle + size)],
    ['last', cycles.slice(-size)],
  ]
}

export const lifeTable = (cycles: readonly Cycle[]): string => {
  const rows = tenths(cycles).map(([name, some]) => [
    name,
    ...COLUMNS.map(([, of]) => (some.reduce((sum, cycle) => sum + of(cycle), 0) / some.length).toFixed(1)),
  ])
  return [['tenth', ...COLUMNS.map(([name]) => name)], ...rows].map((row) => row.map((cell) => cell.padStart(12)).join('')).join('\n')
}
