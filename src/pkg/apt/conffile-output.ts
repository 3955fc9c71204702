import type { ConffileOutcome } from '../packages.ts'

const FILE = /^Configuration file '(.+)'$/
const OUTCOMES: readonly (readonly [RegExp, ConffileOutcome['outcome']])[] = [
  [/^ ==> (?:Keeping old config file as default|Using current old file as you requested)\.$/, 'kept'],
  [/^ ==> Using new (?:config file as default|file as you requested)\.$/, 'replaced'],
]

/** Finds in dpkg's output, line by line, what it did with configuration files that were changed here (dpkg 1.21, src/main/configure.c). */
export class ConffileOutput {
  #path: string | null = null

  /** The outcome that a line tells, null for all other lines. Lines end in a carriage return where apt gave dpkg a terminal of its own. */
  push(lineOfTerminal: string): ConffileOutcome | null {
    const line = lineOfTerminal.replace(/\r$/, '')
    const [, path] = FILE.exec(line) ?? []
    if (path !== undefined) this.#path = path
    const known = this.#path
    const [, outcome] = OUTCOMES.find(([pattern]) => pattern.test(line)) ?? []
    if (outcome === undefined || known === null) return null
    this.#path = null
    return { path: known, outcome }
  }
}
