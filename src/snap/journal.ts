import { z } from 'zod'
import { BugError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'
import type { Plan } from './plan/plan.ts'

/** How a run ended. */
export type Outcome = 'done' | 'undone' | 'escaped'

const Opening = z.object({
  opened: z.looseObject({ id: z.string(), operation: z.string(), steps: z.array(z.looseObject({ id: z.string(), kind: z.string() })) }),
  owner: z.object({ pid: z.int(), startTime: z.string() }),
})

const Line = z.union([
  Opening,
  z.object({ begun: z.int() }),
  z.object({ applied: z.int(), result: z.unknown() }),
  z.object({ undone: z.int() }),
  z.object({ escaping: z.literal(true) }),
  z.object({ ended: z.enum(['done', 'undone', 'escaped']), error: z.string().nullable() }),
])

/** What a journal says about a run: how far it came. */
export interface JournalRecord {
  readonly plan: Plan
  readonly owner: { readonly pid: number; readonly startTime: string }
  /** Positions of steps that were begun and not undone. */
  readonly begun: ReadonlySet<number>
  /** Results of steps that were applied and not undone, by step id. */
  readonly results: ReadonlyMap<string, unknown>
  readonly escaping: boolean
  readonly ended: Outcome | null
}

const parsedLine = (line: string): z.infer<typeof Line> | null => {
  try {
    return Line.parse(JSON.parse(line))
  } catch {
    return null
  }
}

/** What a journal is to hold before anything is appended when a power cut tore its last line; null when that line is whole. */
const withoutTornLine = (text: string): string | null => {
  if (text === '' || text.endsWith('\n')) return null
  const last = text.slice(text.lastIndexOf('\n') + 1)
  return parsedLine(last) === null ? text.slice(0, text.length - last.length) : `${text}\n`
}

/** Parse a journal. A torn last line (the write that a power cut interrupted) is left out; torn text before it is a bug or foreign. */
export const parseJournal = (text: string, file: string): JournalRecord | null => {
  const lines = text.split('\n')
  const last = lines.pop()
  const parsed = lines.map((line) => {
    const entry = parsedLine(line)
    if (entry === null) throw new BugError(`${file} has a line that is no journal entry`, { data: { file, line } })
    return entry
  })
  // The write was cut: what it would have recorded is treated as not recorded.
  const torn = last === undefined || last === '' ? null : parsedLine(last)
  if (torn !== null) parsed.push(torn)
  const first = parsed.shift()
  if (first === undefined) return null
  if (!('opened' in first)) throw new BugError(`${file} does not begin with a plan`, { data: { file } })
  // belay's own writing, in belay's own directory: the plan was checked when it was made.
  const plan = first.opened as unknown as Plan
  const begun = new Set<number>()
  const results = new Map<string, unknown>()
  let escaping = false
  let ended: Outcome | null = null
  for (const line of parsed) {
    if ('begun' in line) begun.add(line.begun)
    else if ('applied' in line) {
      const step = plan.steps[line.applied]
      if (step !== undefined) results.set(step.id, line.result)
    } else if ('undone' in line) {
      const position = line.undone
      begun.delete(position)
      const step = plan.steps[position]
      if (step !== undefined) results.delete(step.id)
    } else if ('escaping' in line) escaping = true
    else if ('ended' in line) ended = line.ended
  }
  return { plan, owner: first.owner, begun, results, escaping, ended }
}

/** The open journals of an appliance. Each run has a file; a file in `closed` is history. */
export class JournalDirectory {
  readonly #files: Files
  readonly #directory: string

  constructor(files: Files, stateDirectory: string) {
    this.#files = files
    this.#directory = `${stateDirectory}/journal`
  }

  async open(plan: Plan, owner: { pid: number; startTime: string }): Promise<Journal> {
    await this.#files.makeDirectory(`${this.#directory}/closed`, 0o700)
    const journal = new Journal(this.#files, this.#directory, plan.id)
    try {
      await journal.write({ opened: plan, owner })
    } catch (error) {
      await journal.discard()
      throw error
    }
    return journal
  }

  /** Runs that did not reach their end, oldest first. */
  async unfinished(): Promise<{ record: JournalRecord; journal: Journal }[]> {
    if ((await this.#files.stat(this.#directory)) === null) return []
    const open: { record: JournalRecord; journal: Journal }[] = []
    for (const name of await this.#files.list(this.#directory)) {
      if (!/^[0-9TZ]+-[0-9a-f]+\.jsonl$/.test(name)) continue
      const path = `${this.#directory}/${name}`
      const text = await this.#files.readText(path)
      const record = parseJournal(text, path)
      const journal = new Journal(this.#files, this.#directory, name.slice(0, -'.jsonl'.length), withoutTornLine(text))
      if (record === null) await journal.close()
      else open.push({ record, journal })
    }
    return open
  }
}

/** Write-ahead record of one run: a line before and after each step, each durable before the run goes on. */
export class Journal {
  readonly #files: Files
  readonly #directory: string
  readonly #id: string
  #pending = ''
  #mended: string | null

  /** @param mended what the file is to hold before anything is appended; null for what it holds */
  constructor(files: Files, directory: string, id: string, mended: string | null = null) {
    this.#mended = mended
    this.#files = files
    this.#directory = directory
    this.#id = id
  }

  async write(line: object): Promise<void> {
    if (this.#mended !== null) await this.#files.writeAtomic(this.#path, this.#mended)
    this.#mended = null
    await this.#files.append(this.#path, `${this.#pending}${JSON.stringify(line)}\n`)
    this.#pending = ''
  }

  /** A line that may become durable together with the next one: losing it only makes an idempotent step run again. */
  defer(line: object): void {
    this.#pending += `${JSON.stringify(line)}\n`
  }

  /** Move the file to the closed ones. */
  async close(): Promise<void> {
    await this.#files.rename(this.#path, `${this.#directory}/closed/${this.#id}.jsonl`)
  }

  /** Take back a journal in which no plan was written. */
  async discard(): Promise<void> {
    await this.#files.remove(this.#path)
  }

  get #path(): string {
    return `${this.#directory}/${this.#id}.jsonl`
  }
}
