import { styleText } from 'node:util'
import { BelayError } from './errors.ts'
import { errorText, oclifExit, reportOf } from './view/error-report.ts'

/** Prints an error in the form that was asked for and sets the exit status. An exit that oclif asks for by an error (`this.exit`) prints nothing. */
export function printError(error: unknown, { json, command }: { readonly json: boolean; readonly command: string }): void {
  if (error instanceof Error && 'code' in error && error.code === 'EEXIT') {
    process.exitCode = oclifExit(error) ?? 0
    return
  }
  const report = reportOf(error, command)
  process.exitCode = report.exitCode
  if (json) process.stdout.write(`${JSON.stringify({ error: report }, null, 2)}\n`)
  else process.stderr.write(errorText(report, (text) => styleText(['bold', 'red'], text, { stream: process.stderr })))
  if (process.env['BELAY_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${stackOf(error)}\n`)
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  const stderr = error instanceof BelayError && 'stderr' in error ? `\nstderr: ${String(error.stderr)}` : ''
  return `${error.stack ?? error.message}${stderr}${cause}`
}
