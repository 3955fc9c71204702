import { z } from 'zod'
import { BugError, InvalidFileError, NotFoundError, RefusedError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'
import { type IndexChange, applyChange } from './index-change.ts'
import { INDEX_FORMAT, Index } from './model.ts'

const FILE = 'index.json'

const Versioned = z.looseObject({ format: z.looseObject({ major: z.int() }) })

/** Parse the text of an index; fields that this belay does not know stay in it. */
export const parseIndex = (text: string, file: string): Index => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new InvalidFileError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
      next: ['belay doctor'],
      data: { file },
    })
  }
  // Before the rest, which a later major format may have in another form.
  const major = Versioned.safeParse(json).data?.format.major ?? 0
  if (major > INDEX_FORMAT.major) {
    throw new RefusedError('index/too-new', `${file} has format ${String(major)}; this belay reads up to ${String(INDEX_FORMAT.major)}`, {
      next: ['upgrade belay, or go forward to the version that wrote it: belay confirm and belay status work without the index'],
    })
  }
  const result = Index.safeParse(json)
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`)
    throw new InvalidFileError(`${file} is not a belay index:\n  ${faults.slice(0, 10).join('\n  ')}`, { next: ['belay doctor'], data: { file, faults } })
  }
  return result.data
}

export const notInitialised = (): NotFoundError => new NotFoundError('this appliance has no belay index', { next: ['belay init --plan', 'belay init'] })

/** The state index on disk: read whole, written whole, atomically and durably. */
export class IndexStore {
  readonly #files: Files
  readonly #path: string

  constructor(files: Files, stateDirectory: string) {
    this.#files = files
    this.#path = `${stateDirectory}/${FILE}`
  }

  /** @throws NotFoundError `not-found` when this appliance was not initialised. */
  async read(): Promise<Index> {
    const index = await this.readIfAny()
    if (index === null) throw notInitialised()
    return index
  }

  async readIfAny(): Promise<Index | null> {
    if ((await this.#files.stat(this.#path)) === null) return null
    return parseIndex(await this.#files.readText(this.#path), this.#path)
  }

  /** Apply changes and raise the revision; a write that would change nothing is left out. */
  async change(changes: readonly IndexChange[]): Promise<Index> {
    const before = await this.read()
    const after = changes.reduce(applyChange, before)
    if (JSON.stringify(after) === JSON.stringify(before)) return before
    return this.write(after)
  }

  async remove(): Promise<void> {
    await this.#files.remove(this.#path)
  }

  /** Write an index as the next revision; a minor format that is newer than ours keeps its number. */
  async write(index: Index): Promise<Index> {
    const minor = Math.max(index.format.minor, INDEX_FORMAT.minor)
    const next: Index = { ...index, format: { ...index.format, major: INDEX_FORMAT.major, minor }, revision: index.revision + 1 }
    // What could not be read back must never be written: an appliance without a readable index is a last resort.
    const checked = Index.safeParse(next)
    if (!checked.success) throw new BugError('an operation made an index that could not be read back', { cause: checked.error })
    await this.#files.writeAtomic(this.#path, `${JSON.stringify(next)}\n`)
    return next
  }
}
