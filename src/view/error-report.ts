import { stripVTControlCharacters } from 'node:util'
import { BelayError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

/** An error as the operator or a script sees it; the JSON form of every failed command is `{"error": ErrorReport}`. */
export interface ErrorReport {
  readonly code: string
  readonly message: string
  readonly exitCode: ExitCode
  readonly next: readonly string[]
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Errors of belay speak for themselves. Those of oclif's parser carry `oclif.exit` 2: the command line is wrong. All else is a bug.
 * @param command what `--help` is offered for, such as `belay upgrade`
 */
export function reportOf(error: unknown, command: string): ErrorReport {
  if (error instanceof BelayError) {
    const { code, message, exitCode, next, data } = error
    return { code, message, exitCode, next, data }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (oclifExit(error) === EXIT.usage) {
    const plain = stripVTControlCharacters(message).replace(/\nSee more help with --help$/, '')
    return { code: 'usage', message: plain, exitCode: EXIT.usage, next: [`${command} --help`], data: {} }
  }
  return { code: 'bug', message, exitCode: EXIT.bug, next: ['BELAY_DEBUG=1 in the environment shows where; please report it.'], data: {} }
}

/** Text for standard error; `bold` marks the first word on a terminal. */
export function errorText({ message, next }: ErrorReport, bold: (text: string) => string = (text) => text): string {
  const lines = [`${bold('Error:')} ${message}`]
  if (next.length > 0) lines.push('Try this:', ...next.map((line) => `  ${line}`))
  return `${lines.join('\n')}\n`
}

/** The status that oclif gave an error of its own; null for other errors. */
export function oclifExit(error: unknown): number | null {
  if (!(error instanceof Error) || !('oclif' in error) || typeof error.oclif !== 'object' || error.oclif === null) return null
  return 'exit' in error.oclif && typeof error.oclif.exit === 'number' ? error.oclif.exit : null
}
