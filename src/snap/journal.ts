import { z } from 'zod'
import { NotFoundError, NotUndoneError, RefusedError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'
import type { Plan } from './plan/plan.ts'
import { PlanSchema } from './plan/step-schema.ts'

/** How a run ended. */
export type Outcome = 'done' | 'undone' | 'escaped'

const Opening = z.object({
  opened: z.looseObject({
    id: z.string(),
    basis: z.looseObject({ running: z.string() }),
    steps: z.array(z.looseObject({ id: z.string(), kind: z.string() })),
  }),
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

/** Whether a power cut came before the plan was on disk, or whether the plan is being written just now: no step was begun. */
const isEmpty = (text: string): boolean => !text.includes('\n') && parsedLine(text) === null

const unreadable = (file: string, why: string): RefusedError =>
  new RefusedError('journal/unreadable', `${file} records an operation that was interrupted, and this belay cannot read it: ${why}`, {
    next: ['use the belay that began it: upgrade belay, or start the version in which it ran', 'belay status and belay confirm work all the same'],
    data: { file },
  })

const planOf = (opened: unknown, file: string): Plan => {
  const plan = PlanSchema.safeParse(opened)
  if (plan.success) return plan.data
  const [issue] = plan.error.issues
  throw unreadable(file, issue === undefined ? 'its plan is none' : `${issue.path.map(String).join('.')}: ${issue.message}`)
}

/**
 * Parse a journal. A torn last line (the write that a power cut interrupted) is left out; null when nothing else is there.
 * @throws RefusedError `journal/unreadable` for what this belay did not write.
 */
export const parseJournal = (text: string, file: string): JournalRecord | null => {
  if (isEmpty(text)) return null
  const lines = text.split('\n')
  const last = lines.pop()
  const parsed = lines.map((line, number) => {
    const entry = parsedLine(line)
    if (entry === null) throw unreadable(file, `line ${String(number + 1)} is no entry of a journal`)
    return entry
  })
  // The write was cut: what it would have recorded is treated as not recorded.
  const torn = last === undefined || last === '' ? null : parsedLine(last)
  if (torn !== null) parsed.push(torn)
  const first = parsed.shift()
  if (first === undefined || !('opened' in first)) throw unreadable(file, 'it does not begin with a plan')
  const plan = planOf(first.opened, file)
  for (const line of parsed) {
    const position = 'begun' in line ? line.begun : 'applied' in line ? line.applied : 'undone' in line ? line.undone : 0
    if (position !== 0 && plan.steps[position] === undefined) throw unreadable(file, `its plan has no step ${String(position)}`)
  }
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

/** As many runs can be looked into step by step after they ended; the audit log has a line of every one. */
const CLOSED_JOURNALS = 100

const NAME = /^[0-9TZ]+-[0-9a-f]+\.jsonl$/

/** The open journals of an appliance. Each run has a file; a file in `closed` is history. */
export class JournalDirectory {
  readonly #files: Files
  readonly #directory: string

  constructor(files: Files, stateDirectory: string) {
    this.#files = files
    this.#directory = `${stateDirectory}/journal`
  }

  /** The lock must be held. */
  async open(plan: Plan, owner: { pid: number; startTime: string }): Promise<Journal> {
    await this.#files.makeDirectory(`${this.#directory}/closed`, 0o700)
    await this.discardEmpty()
    await this.#forgetOldest()
    const journal = new Journal(this.#files, this.#directory, plan.id)
    try {
      await journal.begin({ opened: plan, owner })
    } catch (error) {
      await journal.discard()
      throw error
    }
    return journal
  }

  /**
   * Runs that did not reach their end, oldest first. Changes nothing: status and doctor look without the lock, while another process may begin or end a run.
   * @throws RefusedError `journal/unreadable`.
   */
  async unfinished(): Promise<{ record: JournalRecord; journal: Journal }[]> {
    return (await this.#open()).flatMap(({ id, path, text }) => {
      const record = parseJournal(text, path)
      return record === null ? [] : [{ record, journal: new Journal(this.#files, this.#directory, id, withoutTornLine(text)) }]
    })
  }

  /**
   * Whether an unfinished run may have left a boot environment's packages half changed. Asks less of a journal than `unfinished`, so that it has an answer for
   * one that cannot be read: what cannot be told counts as yes.
   */
  async mayHaveHalfChangedPackages(running: string): Promise<boolean> {
    return (await this.#open()).some(({ text }) => {
      const lines = text.split('\n').flatMap((line) => parsedLine(line) ?? [])
      const [first] = lines
      if (first === undefined || !('opened' in first)) return text.includes('packages.apply')
      const { steps, basis } = first.opened
      const begun = new Set<number>()
      for (const line of lines) {
        if ('begun' in line) begun.add(line.begun)
        else if ('undone' in line) begun.delete(line.undone)
        else if ('ended' in line && line.ended !== 'escaped') return false
      }
      return basis.running === running && steps.some((step, position) => step.kind === 'packages.apply' && begun.has(position))
    })
  }

  /** Close journals in which no plan was written. The lock must be held: without it, one may be somebody's who is writing it now. */
  async discardEmpty(): Promise<void> {
    for (const { id, text } of await this.#open()) if (isEmpty(text)) await new Journal(this.#files, this.#directory, id).close()
  }

  /** Make room for one more closed journal. What cannot be removed now can be at the next run. */
  async #forgetOldest(): Promise<void> {
    const closed = `${this.#directory}/closed`
    const names = (await this.#files.list(closed)).filter((name) => NAME.test(name))
    for (const name of names.slice(0, 1 - CLOSED_JOURNALS)) await this.#files.remove(`${closed}/${name}`).catch(() => undefined)
  }

  async #open(): Promise<{ readonly id: string; readonly path: string; readonly text: string }[]> {
    if ((await this.#files.stat(this.#directory)) === null) return []
    const open: { readonly id: string; readonly path: string; readonly text: string }[] = []
    for (const name of await this.#files.list(this.#directory)) {
      if (!NAME.test(name)) continue
      const path = `${this.#directory}/${name}`
      try {
        if ((await this.#files.stat(path))?.kind === 'file') open.push({ id: name.slice(0, -'.jsonl'.length), path, text: await this.#files.readText(path) })
      } catch (error) {
        // Closed by its owner since the directory was listed.
        if (!(error instanceof NotFoundError)) throw error
      }
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

  /** Write the plan. */
  async begin(line: object): Promise<void> {
    await this.#files.append(this.#path, `${JSON.stringify(line)}\n`)
  }

  /** @throws NotUndoneError when the file is gone: appending would make one without a plan. */
  async write(line: object): Promise<void> {
    if ((await this.#files.stat(this.#path))?.kind !== 'file')
      throw new NotUndoneError(`the journal ${this.#path} was taken away while its operation ran`, {
        next: ['belay doctor'],
        data: { file: this.#path },
      })
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
