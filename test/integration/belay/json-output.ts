import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { z } from 'zod'

const SCHEMAS = join(import.meta.dirname, '../../../schemas')

const ajv = new Ajv2020({ strict: true, allErrors: true })
const validators = new Map<string, ValidateFunction>(
  readdirSync(SCHEMAS).map((file) => [file.replace(/\.json$/, ''), ajv.compile(JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')) as object)]),
)

/** Commands with a schema of their own; all others print an operation report. */
const OWN: ReadonlySet<string> = new Set(['status', 'list', 'show', 'doctor', 'audit', 'boot-set', 'booted', 'before-apt', 'close-upgrade'])

export const ErrorOutput = z.object({
  error: z.object({ code: z.string(), message: z.string(), exitCode: z.int(), next: z.array(z.string()), data: z.record(z.string(), z.unknown()) }),
})
export type ErrorReport = z.infer<typeof ErrorOutput>['error']

/** What a command printed with --json, after it passed the published schema: one object, and nothing beside it. */
export const readOutput = (command: string, stdout: string): unknown => {
  const output: unknown = JSON.parse(stdout)
  const failed = typeof output === 'object' && output !== null && 'error' in output
  const name = failed ? 'error' : OWN.has(command) ? command : 'operation'
  const validate = validators.get(name)
  if (validate === undefined) throw new Error(`there is no schemas/${name}.json for belay ${command}`)
  if (!validate(output)) throw new Error(`belay ${command} --json does not follow schemas/${name}.json: ${ajv.errorsText(validate.errors)}\n${stdout}`)
  return output
}
