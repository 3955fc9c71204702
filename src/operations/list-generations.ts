import { z } from 'zod'
import { nextBoot } from '../boot/boot-choice.ts'
import { isKept } from '../snap/plan/hold.ts'
import { versionOf } from '../snap/plan/lineage.ts'
import type { Appliance } from './appliance.ts'
import { RunningWhy, explainRunning } from './explain-running.ts'
import { readRunning } from './read-planning-state.ts'

/** One line of `belay list`. */
export const ListedGeneration = z.object({
  id: z.int(),
  createdAt: z.string(),
  kind: z.string(),
  text: z.string(),
  be: z.string().nullable().describe('boot environment that starts it'),
  running: z.boolean().describe('what runs is this version, or was changed since then'),
  next: z.boolean().describe('what GRUB starts next'),
  keep: z.boolean(),
  factory: z.boolean(),
  health: z.string(),
  kernel: z.string().nullable(),
  packages: z.record(z.string(), z.string()).describe('versions of the important packages'),
  dataFormat: z.string().nullable(),
  withData: z.boolean(),
})
export type ListedGeneration = z.infer<typeof ListedGeneration>

/** A boot environment that is kept only for whoever looks into what happened. */
const TornVersion = z.object({ be: z.string(), tornAt: z.string() })

export const GenerationList = z.object({
  generations: z.array(ListedGeneration),
  running: z.object({ be: z.string().nullable(), why: RunningWhy, packages: z.record(z.string(), z.string()) }),
  next: z.string().nullable(),
  torn: z.array(TornVersion).describe('boot environments that a cut or failed upgrade left; none of them can be started'),
})
export type GenerationList = z.infer<typeof GenerationList>

/** Every generation from the index alone: no scan of the pool, so that a thousand cost as little as ten. */
export const listGenerations = async (appliance: Appliance): Promise<GenerationList> => {
  const index = await appliance.index.read()
  const now = appliance.clock.now().toISOString()
  const { choice } = await appliance.boot.readChoice()
  const running = await readRunning(appliance, index)
  const runningBe = index.bootEnvironments.find((be) => be.name === running)
  const next = choice === null ? null : nextBoot(choice).be
  const { why } = explainRunning({ index, choice, running, bootId: appliance.bootId })
  const runs = runningBe === undefined ? null : versionOf(index, runningBe)
  const boots = index.bootEnvironments.find((be) => be.name === next)
  const bootsNext = boots === undefined ? null : versionOf(index, boots)
  const standby = new Map(index.bootEnvironments.flatMap((be) => (be.standsFor === null ? [] : [[be.standsFor, be.name] as const])))
  return {
    generations: index.generations.map((generation) => {
      const be = standby.get(generation.id) ?? null
      return {
        id: generation.id,
        createdAt: generation.createdAt,
        kind: generation.reason.kind,
        text: generation.reason.text,
        be,
        running: runs === generation.id,
        next: bootsNext === generation.id,
        keep: isKept(generation, now),
        factory: index.factory === generation.id,
        health: generation.health,
        kernel: generation.bootSet?.kernelVersion ?? null,
        packages: generation.packages.important,
        dataFormat: generation.dataFormat,
        withData: generation.members.some((member) => member.role === 'data'),
      }
    }),
    running: { be: running, why, packages: running === null ? {} : (await appliance.describer.describe(appliance.target.root)).packages.important },
    next,
    torn: index.bootEnvironments.flatMap(({ name, tornAt }) => (tornAt === undefined ? [] : [{ be: name, tornAt }])),
  }
}
