import { z } from 'zod'
import { CloseReport } from './operations/close-upgrade.ts'
import { DoctorReport } from './operations/doctor-report.ts'
import { GuardReport } from './operations/guard-apt-run.ts'
import { HealthReport } from './operations/health/report-health.ts'
import { GenerationList } from './operations/list-generations.ts'
import { OperationReport } from './operations/operation-report.ts'
import { BootReport } from './operations/record-boot.ts'
import { Status } from './operations/read-status.ts'
import { RefreshedBootSet } from './operations/refresh-boot-set.ts'
import { GenerationDetails } from './operations/show-generation.ts'
import { Policy } from './policy/policy.ts'
import { AuditEntry } from './snap/audit-log.ts'

const ErrorOutput = z.object({
  error: z.object({
    code: z.string().describe('stable word for scripts'),
    message: z.string(),
    exitCode: z.int(),
    next: z.array(z.string()).describe('what to do, one action an item'),
    data: z.record(z.string(), z.unknown()),
  }),
})

/** What each command prints with --json, by the name of its schema file; mutating commands share `operation`, failures `error`. */
const OUTPUT_SCHEMAS = {
  status: Status,
  list: GenerationList,
  show: GenerationDetails,
  doctor: DoctorReport,
  health: HealthReport,
  audit: z.object({ entries: z.array(AuditEntry) }),
  'boot-set': RefreshedBootSet,
  booted: BootReport,
  'before-apt': GuardReport,
  'close-upgrade': CloseReport,
  operation: OperationReport,
  error: ErrorOutput,
} as const

/** Output is additive: a later belay may print more, so a schema of today must not forbid it. */
const allowMore = ({ jsonSchema }: { readonly jsonSchema: { additionalProperties?: unknown } }): void => {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
}

/** The text of a published JSON Schema (draft 2020-12). */
const schemaText = (name: string, schema: z.ZodType, io: 'input' | 'output'): string =>
  `${JSON.stringify({ title: `belay ${name}`, ...z.toJSONSchema(schema, { io, unrepresentable: 'any', override: io === 'output' ? allowMore : () => undefined }) }, null, 2)}\n`

/** All published schemas by path below the checkout's root. */
export const publishedSchemas = (): ReadonlyMap<string, string> =>
  new Map([
    ...Object.entries(OUTPUT_SCHEMAS).map(([name, schema]) => [`schemas/${name}.json`, schemaText(name, schema, 'output')] as const),
    ['schemas/config.json', schemaText('config.yaml', Policy, 'input')] as const,
  ])
