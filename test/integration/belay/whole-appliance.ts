import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect } from 'vitest'
import { readFragment } from '../../../src/boot/menu-fragment-reader.ts'
import { LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import { runTool } from '../../../demo/run-tool.ts'
import type { Index } from '../../../src/snap/model.ts'
import { generationName } from '../../../src/snap/names.ts'
import type { Machine } from './machine.ts'

interface Expected {
  /** Codes of what doctor lists; default: nothing. */
  readonly findings?: readonly string[]
  /** What somebody else put among belay's names: paths from the top level of the pool. */
  readonly foreign?: readonly string[]
}

const namesIn = (directory: string): Promise<string[]> =>
  readdir(directory).then(
    (names) => names.sort(),
    () => [],
  )

const subvolumesBelow = async (top: string): Promise<string[]> =>
  (await runTool('/usr/bin/btrfs', ['subvolume', 'list', '--', top])).stdout
    .split('\n')
    .flatMap((line) => / path (@belay\/.*)$/.exec(line)?.[1] ?? [])
    .sort()

/** Everything that belay keeps, as somebody finds it who knows nothing of belay. */
export const belongings = async (machine: Machine) => {
  const inPool = await machine.atTopLevel(async (top) => {
    const state = join(top, '@belay/state')
    const containers: string[] = []
    for (const kind of ['gen', 'be', 'data']) for (const name of await namesIn(join(top, '@belay', kind))) containers.push(`@belay/${kind}/${name}`)
    return {
      // Paths below a mounted subvolume would be told as seen from there.
      subvolumes: await subvolumesBelow(top),
      containers: containers.sort(),
      state: await namesIn(state),
      manifests: (await namesIn(join(state, 'generations'))).filter((name) => name.endsWith('.json')),
      openJournals: (await namesIn(join(state, 'journal'))).filter((name) => name !== 'closed'),
      index: await readFile(join(state, 'index.json'), 'utf8').catch(() => null),
    }
  })
  const grub = join(machine.root, 'boot/grub')
  const bootSets = await namesIn(join(grub, LAYOUT.bootEnvironments))
  const links = await Promise.all(bootSets.map((name) => readlink(join(grub, LAYOUT.bootEnvironments, name))))
  return {
    ...inPool,
    bootSets,
    linkedSets: links.map((target) => basename(target)).sort(),
    sets: await namesIn(join(grub, LAYOUT.sets)),
    onGrubPartition: await namesIn(join(grub, LAYOUT.directory)),
  }
}

/** Names of temporary files that a write leaves when it is not taken back. */
const temporary = (names: readonly string[]): string[] => names.filter((name) => name.endsWith('.tmp'))

/**
 * The appliance is whole: the pool and the GRUB partition hold what the index names and nothing half, GRUB would start what status says and offers
 * what the index offers (both read from the raw image), and doctor lists what is expected and nothing else.
 */
export const expectWhole = async (machine: Machine, { findings = [], foreign = [] }: Expected = {}): Promise<void> => {
  const found = await belongings(machine)
  const index = JSON.parse(found.index ?? 'null') as Index | null
  expect(index, 'there is an index').not.toBeNull()
  if (index === null) return
  const records = [...index.generations, ...index.bootEnvironments]
  const members = [...records.flatMap((record) => record.members.map((member) => member.volume.locator)), ...index.data.map((data) => data.volume.locator)]
  const containers = [
    ...index.generations.map((generation) => `@belay/gen/${generationName(generation.id)}`),
    ...index.bootEnvironments.map((be) => `@belay/be/${be.name}`),
    ...index.data.map((data) => `@belay/data/${data.name}`),
  ]
  const bes = index.bootEnvironments.flatMap(({ name, tornAt }) => (tornAt === undefined ? [name as string] : [])).sort()
  const isForeign = (path: string): boolean => foreign.some((name) => path === name || path.startsWith(`${name}/`))
  expect(
    found.subvolumes.filter((path) => !isForeign(path)),
    'subvolumes are those of the index',
  ).toEqual([...members, '@belay/state'].sort())
  expect(found.containers, 'objects are those of the index').toEqual([...containers, ...foreign].sort())
  expect(found.manifests, 'manifests are those of the index').toEqual(index.generations.map((generation) => `${generationName(generation.id)}.json`).sort())
  expect(found.openJournals, 'nothing is under way').toEqual([])
  expect(found.bootSets, 'boot sets are those of the index').toEqual(bes)
  expect(found.sets, 'no boot set is half').toEqual(found.linkedSets)
  expect(temporary([...found.state, ...found.onGrubPartition]), 'no write is half').toEqual([])

  const fragment = readFragment((await machine.appliance.grubReads(`/${LAYOUT.fragment}`)).toString('utf8'))
  expect([...fragment.known].sort(), 'GRUB offers what the index offers').toEqual(bes)
  const status = await machine.status()
  expect(status.interrupted, 'nothing was interrupted').toEqual([])
  expect(await machine.grubBoots(), 'GRUB starts what status says').toBe(status.next?.be)
  const doctor = await machine.json(['doctor'])
  const torn = index.bootEnvironments.filter(({ tornAt }) => tornAt !== undefined).map(() => 'torn')
  expect(codesOf(doctor.output).sort(), 'what doctor finds').toEqual([...findings, ...torn].sort())
}

/** Codes of doctor's findings. */
export const codesOf = (report: unknown): string[] => (report as { findings: { code: string }[] }).findings.map((finding) => finding.code)
