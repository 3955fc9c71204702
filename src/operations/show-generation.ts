import { z } from 'zod'
import { NotFoundError } from '../errors.ts'
import { Manifest, Quiescence } from '../snap/manifest-store.ts'
import { Generation } from '../snap/model.ts'
import { keptText } from '../snap/plan/hold.ts'
import { generationOf, standbyOf } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'

/** What `belay show` says of one generation. */
export const GenerationDetails = z.object({
  generation: Generation,
  be: z.string().nullable(),
  factory: z.boolean(),
  kept: z.string().nullable().describe('that it is kept, for whom and until when; null when it is not'),
  packages: Manifest.shape.packages,
  decisions: z.array(z.looseObject({ subject: z.string(), answer: z.string(), why: z.string() })),
  quiesced: Quiescence.nullable().describe('units that did not run while it was taken; null when --quiesce was not asked for'),
  torn: z
    .object({ be: z.string(), tornAt: z.string() })
    .nullable()
    .describe('the boot environment that it was taken from, when a cut or failed upgrade left that torn'),
  missing: z.array(z.string()).describe('members that are not in the pool any more'),
})
export type GenerationDetails = z.infer<typeof GenerationDetails>

/** One generation in full. @throws NotFoundError */
export const showGeneration = async (appliance: Appliance, id: number): Promise<GenerationDetails> => {
  const index = await appliance.index.read()
  const generation = generationOf(index, id)
  const manifest = await appliance.manifests.read(generation.id).catch((error: unknown) => {
    if (error instanceof NotFoundError) return null
    throw error
  })
  const source = index.bootEnvironments.find(({ name }) => name === generation.takenFrom)
  const present = await appliance.driver.membersOf(generation)
  return {
    generation,
    be: standbyOf(index, generation.id)?.name ?? null,
    factory: index.factory === generation.id,
    kept: keptText(generation),
    packages: manifest?.packages ?? [],
    decisions: manifest?.decisions ?? [],
    quiesced: manifest?.quiesced ?? null,
    torn: source?.tornAt === undefined ? null : { be: source.name, tornAt: source.tornAt },
    missing: generation.members.filter((member) => !present.some((other) => other.volume.guid === member.volume.guid)).map((member) => member.mountpoint),
  }
}
