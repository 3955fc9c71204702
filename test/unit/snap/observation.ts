import { expect } from 'vitest'
import type { BootChoice } from '../../../src/boot/boot-choice.ts'
import { nextBoot } from '../../../src/boot/boot-choice.ts'
import { AptStopsError, BelayError } from '../../../src/errors.ts'
import type { AuditEntry } from '../../../src/snap/audit-log.ts'
import { type OwnObject, rootVolume } from '../../../src/snap/driver.ts'
import type { Index } from '../../../src/snap/model.ts'
import { type BeName, generationName, numberOf } from '../../../src/snap/names.ts'
import { MACHINE_ID, type MemoryAppliance } from '../../fakes/memory-appliance.ts'
import { OS_RELEASE_FILE, SOURCES_FILE } from '../../fakes/small-packages.ts'

/** What can be seen of an appliance from outside, at one moment. */
export interface Observation {
  readonly index: Index
  readonly choice: BootChoice
  readonly running: BeName | null
  readonly survey: readonly OwnObject[]
  readonly bootSets: readonly BeName[]
  readonly menuIsCurrent: boolean
  readonly audit: readonly AuditEntry[]
  /** Runs whose journal was opened, by plan: those that reached their end, and the others. */
  readonly runs: { readonly ended: readonly string[]; readonly open: readonly string[] }
  /** Content of every data volume, by guid. */
  readonly data: ReadonlyMap<string, string>
  /** Content of every generation, by number. */
  readonly generations: ReadonlyMap<number, string>
  /** Members that the index names and the pool does not have. */
  readonly missing: readonly string[]
  /** The machine-id that each boot environment has. */
  readonly machineIds: ReadonlyMap<BeName, string>
  /** The release that each boot environment is, and whether the sources of its apt are those of that release. */
  readonly releases: ReadonlyMap<BeName, { readonly osRelease: string; readonly ownSources: boolean }>
  /** Volumes that each boot environment's fstab mounts. */
  readonly mounts: ReadonlyMap<BeName, readonly string[]>
}

export const observe = async (machine: MemoryAppliance): Promise<Observation> => {
  const { driver, index: store, boot, audit, target, files, stateDirectory } = machine.process()
  const index = await store.read()
  const { choice } = await boot.readChoice()
  if (choice === null) throw new Error('the env block is lost')
  const contentOf = async (volume: Index['data'][number]['volume']): Promise<string> => {
    const directory = await driver.directoryOf(volume)
    return JSON.stringify(Object.entries(machine.files.dump(directory)).map(([path, text]) => [path.slice(directory.length), text]))
  }
  const missing: string[] = []
  for (const record of [...index.generations, ...index.bootEnvironments]) {
    const present = await driver.membersOf(record)
    missing.push(
      ...record.members.filter((member) => !present.some((other) => other.volume.guid === member.volume.guid)).map((member) => member.volume.locator),
    )
  }
  const data = new Map<string, string>()
  for (const record of index.data) {
    if (await driver.exists(record.volume)) data.set(record.volume.guid, await contentOf(record.volume))
    else missing.push(record.volume.locator)
  }
  const generations = new Map<number, string>()
  for (const generation of index.generations) {
    const parts: string[] = []
    for (const member of await driver.membersOf(generation)) parts.push(await contentOf(member.volume))
    generations.set(generation.id, parts.join('\n'))
  }
  const mounts = new Map<BeName, readonly string[]>()
  for (const be of index.bootEnvironments) {
    const file = `${await driver.beRootDirectory(be.name)}/etc/fstab`
    if ((await files.stat(file)) === null) continue
    mounts.set(
      be.name,
      [...(await files.readText(file)).matchAll(/^\S+ (\S+) btrfs subvol=([^,\s]+)/gm)].map(([, mountpoint = '', locator = '']) => `${mountpoint} ${locator}`),
    )
  }
  const machineIds = new Map<BeName, string>()
  for (const be of index.bootEnvironments) machineIds.set(be.name, await files.readText(`${await driver.beRootDirectory(be.name)}${MACHINE_ID}`))
  const releases = new Map<BeName, { readonly osRelease: string; readonly ownSources: boolean }>()
  for (const be of index.bootEnvironments) {
    const directory = await driver.beRootDirectory(be.name)
    const osRelease = /CODENAME=(.*)/.exec(await files.readText(`${directory}${OS_RELEASE_FILE}`))?.[1] ?? ''
    releases.set(be.name, { osRelease, ownSources: (await files.readText(`${directory}${SOURCES_FILE}`)).includes(` ${osRelease} `) })
  }
  const root = await driver.volumeAt(target.root)
  return {
    index,
    choice,
    running: index.bootEnvironments.find((be) => rootVolume(be)?.guid === root?.guid)?.name ?? null,
    survey: await driver.survey(),
    bootSets: await boot.bootSets(),
    menuIsCurrent: await boot.isMenuCurrent(index, choice),
    audit: await audit.read(),
    runs: {
      ended: (await files.list(`${stateDirectory}/journal/closed`)).map((name) => name.replace('.jsonl', '')),
      open: (await files.list(`${stateDirectory}/journal`)).filter((name) => name !== 'closed'),
    },
    data,
    generations,
    missing,
    machineIds,
    releases,
    mounts,
  }
}

/**
 * What must hold of an appliance at every moment at which no run is under way or interrupted.
 * @param purged config members that a package's purge removed
 */
export const expectWhole = (seen: Observation, purged: ReadonlySet<string>): void => {
  const { index, choice, survey } = seen
  expect(
    seen.missing.filter((locator) => !purged.has(locator)),
    'members that are missing',
  ).toEqual([])
  const known = [
    ...index.generations.map((generation) => generationName(generation.id)),
    ...index.bootEnvironments.map((be) => be.name),
    ...index.data.map((data) => data.name),
    ...(index.remains ?? []).map(({ name }) => name),
  ]
  expect(survey.map((object) => object.name).sort(), 'what is in the pool is what is in the index').toEqual(known.map(String).sort())
  const hit = [...purged].map((locator) => locator.split('/')[1])
  expect(
    survey.filter((object) => !object.marked || (!object.complete && !hit.includes(object.name))),
    'half objects',
  ).toEqual([])
  const whole = index.bootEnvironments.filter(({ tornAt }) => tornAt === undefined)
  expect([...seen.bootSets], 'boot sets are of the boot environments').toEqual(whole.map((be) => be.name).toSorted())
  for (const name of [choice.good, choice.trial, choice.once, nextBoot(choice).be])
    if (name !== null) expect(seen.bootSets, 'what GRUB may start').toContain(name)
  expect(seen.runs.open, 'runs that did not end').toEqual([])
  const runs = seen.audit.filter((entry) => entry.operation !== 'booted' && entry.outcome !== 'unguarded')
  expect(runs.map((entry) => entry.plan).toSorted(), 'each run has one record').toEqual(seen.runs.ended.toSorted())
  expect(seen.running, 'what runs is known').not.toBeNull()
  expect(seen.menuIsCurrent, 'the menu is current').toBe(true)
  for (const be of index.bootEnvironments) {
    if (be.tornAt === undefined) expect(be.bootSet, `${be.name} was verified`).not.toBeNull()
    else expect([be.bootSet, be.standsFor], `${be.name} is torn and not offered`).toEqual([null, null])
    for (const use of be.data) {
      const volume = index.data.find((data) => data.name === use.data)?.volume
      expect(volume, `${use.data} of ${be.name} exists`).toBeDefined()
      expect(seen.mounts.get(be.name), `the fstab of ${be.name}`).toContain(`${use.mountpoint} ${String(volume?.locator)}`)
    }
  }
  for (const id of index.left)
    expect(
      index.generations.map((generation) => generation.id),
      'generations that were left',
    ).toContain(id)
}

/** What no operation may do, whether it was done, undone, or cut and brought to an end. */
export const expectLawful = (before: Observation, after: Observation, { mayUnkeep }: { readonly mayUnkeep: boolean }): void => {
  expect(after.index.revision).toBeGreaterThanOrEqual(before.index.revision)
  if (JSON.stringify({ ...after.index, revision: 0 }) !== JSON.stringify({ ...before.index, revision: 0 }))
    expect(after.index.revision).toBeGreaterThan(before.index.revision)
  const known = new Set(before.index.generations.map((generation) => generation.id))
  for (const { id } of after.index.generations) if (!known.has(id)) expect(id, 'numbers rise').toBeGreaterThanOrEqual(before.index.next.generation)
  const bes = new Set(before.index.bootEnvironments.map((be) => be.name))
  for (const { name } of after.index.bootEnvironments) if (!bes.has(name)) expect(numberOf(name), 'numbers rise').toBeGreaterThanOrEqual(before.index.next.be)
  for (const kind of ['generation', 'be', 'data'] as const) expect(after.index.next[kind]).toBeGreaterThanOrEqual(before.index.next[kind])
  for (const [id, content] of before.generations)
    if (after.generations.has(id)) expect(after.generations.get(id), `content of generation ${String(id)}`).toBe(content)
  const left = after.index.generations.map((generation) => generation.id)
  const startable = ({ index }: Observation): (number | null)[] => index.bootEnvironments.map((be) => be.standsFor)
  const lost = startable(before).filter((id) => id !== null && left.includes(id as (typeof left)[number]) && !startable(after).includes(id))
  expect(lost, 'generations that cannot be started any more').toEqual([])
  const confirmed = before.index.generations.findLast((generation) => generation.health === 'confirmed')
  if (confirmed !== undefined) expect(left, 'the last confirmed one').toContain(confirmed.id)
  if (before.index.factory !== null) expect(left, 'the factory').toContain(before.index.factory)
  for (const generation of before.index.generations) if (generation.keep && !mayUnkeep) expect(left, 'kept ones').toContain(generation.id)
  expect(after.audit.slice(0, before.audit.length), 'records that were there stay').toEqual(before.audit)
}

/** Data that was there is there as it was. */
export const expectDataUntouched = (before: Observation, after: Observation): void => {
  for (const [guid, content] of before.data) expect(after.data.get(guid), `content of data ${guid}`).toBe(content)
}

export const isExpectedRefusal = (error: unknown): boolean =>
  error instanceof AptStopsError ? isExpectedRefusal(error.cause) : error instanceof BelayError && [10, 13].includes(error.exitCode)
