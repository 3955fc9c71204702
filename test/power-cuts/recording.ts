import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { attachAppliance, detachAppliance } from '../../demo/appliance/disk.ts'
import { runTool } from '../../demo/run-tool.ts'
import { readFacts } from '../../demo/story/proofs.ts'
import { LAYOUT } from '../../src/boot/grub-partition-layout.ts'
import { Index, type BootSetRecord } from '../../src/snap/model.ts'
import type { Status } from '../../src/operations/read-status.ts'
import type { Machine } from '../integration/belay/machine.ts'
import type { Span } from './cut-states.ts'
import { onLayer } from './machine-on-layer.ts'
import type { Operation } from './operations.ts'
import { showRecorded } from './storage-daemon.ts'

/** What a machine and the version that it starts are known by. */
export interface VersionFacts {
  readonly status: Status
  /** `name version state` of every package. */
  readonly packages: string
  /** What dpkg --verify finds of the packages that matter: not nothing, because an appliance leaves documentation out. */
  readonly files: string
  /** SHA-256 over the customer's files. */
  readonly data: string
  /** As GRUB reads it. */
  readonly grubCfg: string
}

/** An operation, all that it wrote, and what was true before and after it. */
export interface Recording extends Span {
  /** The disk as it was when the log began, or later. */
  readonly disk: string
  /** Entries of the log that the disk has already. */
  readonly position: number
  readonly log: string
  /** The version that GRUB starts, and what status says of the machine. */
  readonly before: VersionFacts
  readonly after: VersionFacts
  /** Boot sets that a boot environment may have, by its name. */
  readonly bootSets: Readonly<Record<string, readonly BootSetRecord[]>>
}

/** What an upgrade changes. */
const PACKAGES_THAT_MATTER = /^(?:acme-|grub|linux-image-)/

/** Every package of a mounted root, as dpkg knows it. */
async function packagesIn(root: string): Promise<string> {
  const format = '${Package}:${Architecture} ${Version} ${db:Status-Abbrev}\n'
  return (await runTool('/usr/bin/dpkg-query', [`--admindir=${root}/var/lib/dpkg`, '--show', `--showformat=${format}`])).stdout
}

/** The version in a mounted root. */
export async function versionIn(root: string): Promise<Pick<VersionFacts, 'packages' | 'files' | 'data'>> {
  const packages = await packagesIn(root)
  const names = packages.split('\n').flatMap((line) => (PACKAGES_THAT_MATTER.test(line) ? [line.replace(/[: ].*/, '')] : []))
  const { stdout } = await runTool('/usr/bin/dpkg', [`--root=${root}`, '--verify', ...names], { expect: [0, 1] })
  return { packages, files: stdout, data: (await readFacts(root)).data }
}

const factsOf = async (machine: Machine): Promise<VersionFacts> => ({
  status: await machine.status(),
  ...(await versionIn(machine.root)),
  grubCfg: (await machine.appliance.grubReads(`/${LAYOUT.grubCfg}`)).toString('utf8'),
})

const indexOf = async (machine: Machine): Promise<Index> => Index.parse(JSON.parse(await readFile(join(machine.root, 'var/lib/belay/index.json'), 'utf8')))

function bootSetsOf(indexes: readonly Index[]): Record<string, BootSetRecord[]> {
  const sets: Record<string, BootSetRecord[]> = {}
  for (const { name, bootSet } of indexes.flatMap(({ bootEnvironments }) => bootEnvironments)) if (bootSet !== null) (sets[name] ??= []).push(bootSet)
  return sets
}

/** Bytes in the log so far: all that the disk was told until now. */
const lengthOf = async (log: string): Promise<number> => (await stat(log)).size

/**
 * Runs an operation on a machine whose disk is recorded.
 * @param directory for the recording, on the filesystem of the machine's disk
 * @returns the recording; the machine's disk is as the operation left it, and not attached
 */
export async function record(machine: Machine, directory: string, operation: Operation): Promise<Recording> {
  const { appliance } = machine
  const [disk, log] = [join(directory, 'before.raw'), join(directory, 'writes.log')]
  const [before, indexBefore] = [await factsOf(machine), await indexOf(machine)]
  await detachAppliance(appliance)
  await runTool('/usr/bin/cp', ['--sparse=auto', '--reflink=auto', '--', appliance.rawImage, disk])

  const shown = await showRecorded(appliance.rawImage, log)
  const recorded = machine.on(await attachAppliance(appliance, appliance.directory, appliance.rawImage))
  let span: Span
  try {
    await recorded.reboot()
    await recorded.must('booted')
    await settle(recorded)
    const startedAt = await lengthOf(log)
    await operation.run(recorded)
    span = { startedAt, endedAt: await lengthOf(log) }
    await settle(recorded)
  } finally {
    await detachAppliance(recorded.appliance)
    await shown.close()
  }

  const [after, indexAfter] = await onLayer(machine, appliance.rawImage, directory, async (again) => {
    await again.reboot()
    const facts = await factsOf(again)
    const started = { machine: again, status: facts.status, before: before.status, after: facts.status }
    if (!(await operation.isDone(started))) throw new Error('the operation came to its end and has not done its work')
    return [facts, await indexOf(again)]
  })
  return { disk, position: 0, log, ...span, before, after, bootSets: bootSetsOf([indexBefore, indexAfter]) }
}

/** Writes out what the kernel still holds back. */
async function settle(machine: Machine): Promise<void> {
  for (const path of ['', 'boot/grub']) await runTool('/usr/bin/sync', ['--file-system', '--', join(machine.root, path)])
}
