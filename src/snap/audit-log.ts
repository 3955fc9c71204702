import { z } from 'zod'
import { HealthFault } from './model.ts'
import type { Files } from '../sys/ports.ts'

/** One state-changing run: who, what, when, and how it ended. Lives in the state volume, so no rollback takes it back. */
export const AuditEntry = z.looseObject({
  at: z.string(),
  plan: z.string(),
  operation: z.string(),
  summary: z.string(),
  outcome: z.enum(['done', 'undone', 'escaped']).or(z.string()),
  uid: z.int(),
  user: z.string(),
  error: z.string().nullable(),
  /** True when a later run brought this one to its end. */
  recovered: z.boolean(),
  /** Of a fallback: why, with the last that the failed units wrote. */
  faults: z.array(HealthFault).exactOptional(),
})
export type AuditEntry = z.infer<typeof AuditEntry>

export class AuditLog {
  readonly #files: Files
  readonly #path: string

  constructor(files: Files, stateDirectory: string) {
    this.#files = files
    this.#path = `${stateDirectory}/audit.jsonl`
  }

  /** Append; after a torn last line the entry begins on a line of its own. */
  async append(entry: AuditEntry): Promise<void> {
    const text = await this.#text()
    await this.#files.append(this.#path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${JSON.stringify(entry)}\n`)
  }

  /** All entries, oldest first; a line that a power cut tore is left out. */
  async read(): Promise<AuditEntry[]> {
    return (await this.#text()).split('\n').flatMap((line) => {
      if (line === '') return []
      try {
        return [AuditEntry.parse(JSON.parse(line))]
      } catch {
        return []
      }
    })
  }

  async #text(): Promise<string> {
    return (await this.#files.stat(this.#path)) === null ? '' : this.#files.readText(this.#path)
  }
}
