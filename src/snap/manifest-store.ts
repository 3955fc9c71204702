import { z } from 'zod'
import { NotFoundError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'
import { Generation } from './model.ts'
import { type GenerationId, generationName } from './names.ts'

/** That nothing of certain units wrote while the members of a generation were taken, one after the other. */
export const Quiescence = z.looseObject({
  units: z.array(z.string()).describe('units that were stopped, and started again'),
  idle: z.array(z.string()).describe('units that policy names and that did not run anyway'),
  /** ISO times: from when to when the units were down; null where none had to be stopped. */
  from: z.string().nullable(),
  to: z.string().nullable(),
})
export type Quiescence = z.infer<typeof Quiescence>

/** Everything about a generation that `list` does not need: the package list, and what an upgrade decided about configuration. */
export const Manifest = z.looseObject({
  format: z.int(),
  generation: Generation.shape.id,
  createdAt: z.string(),
  dataFormat: z.string().nullable(),
  packages: z.array(z.looseObject({ name: z.string(), arch: z.string(), version: z.string() })),
  /** Why each configuration question of the upgrade was answered as it was. */
  decisions: z.array(z.looseObject({ subject: z.string(), answer: z.string(), why: z.string() })).default([]),
  quiesced: Quiescence.exactOptional(),
})
export type Manifest = z.infer<typeof Manifest>

export class ManifestStore {
  readonly #files: Files
  readonly #directory: string

  constructor(files: Files, stateDirectory: string) {
    this.#files = files
    this.#directory = `${stateDirectory}/generations`
  }

  async write(manifest: Manifest): Promise<void> {
    await this.#files.makeDirectory(this.#directory, 0o700)
    await this.#files.writeAtomic(this.#path(manifest.generation), `${JSON.stringify(manifest)}\n`)
  }

  /** @throws NotFoundError when the generation has no manifest. */
  async read(id: GenerationId): Promise<Manifest> {
    const path = this.#path(id)
    if ((await this.#files.stat(path)) === null) throw new NotFoundError(`generation ${String(id)} has no manifest`, { next: ['belay doctor'] })
    return Manifest.parse(JSON.parse(await this.#files.readText(path)))
  }

  async remove(id: GenerationId): Promise<void> {
    await this.#files.remove(this.#path(id))
    await this.#files.remove(this.defaultsDirectory(id))
  }

  /** Where the packages' own configuration defaults of the version that an upgrade makes are kept. */
  defaultsDirectory(id: GenerationId): string {
    return `${this.#directory}/${generationName(id)}.defaults`
  }

  #path(id: GenerationId): string {
    return `${this.#directory}/${generationName(id)}.json`
  }
}
