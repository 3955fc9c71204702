import { z } from 'zod'
import { nextBoot } from '../boot/boot-choice.ts'
import type { Appliance } from './appliance.ts'
import type { OperationResult } from './run-operation.ts'

const LeavesBehind = z.looseObject({
  path: z.string(),
  role: z.enum(['data', 'root']).describe('a data volume, or a path in root that is not the operating system'),
  be: z.string().describe('the boot environment that keeps what is left behind'),
  volume: z.string().describe('the dataset or subvolume in which it is kept'),
  since: z.string().describe('what was written after this time is left behind'),
  hours: z.number().describe('how long ago that is'),
  wayBack: z.string().nullable().describe('the command that leads back to it; null: a boot of that boot environment does'),
})

const RetentionVerdict = z.looseObject({
  generation: z.int().nullable(),
  be: z.string().nullable().describe('a boot environment that stands for no generation'),
  goes: z.boolean(),
  code: z.string().describe('the rule that takes it, or what keeps it'),
  why: z.string(),
  bytes: z.number().nullable().describe('bytes that come free at least; null where the filesystem does not say before (btrfs)'),
})

/** The JSON form of a plan: what `--plan --json` prints. */
const PublishedPlan = z.looseObject({
  format: z.literal(1),
  id: z.string(),
  operation: z.string(),
  madeAt: z.string(),
  summary: z.string(),
  basis: z.looseObject({ revision: z.int().nullable(), running: z.string() }),
  checks: z.array(z.looseObject({ name: z.string(), detail: z.string() })),
  notices: z.array(z.string()),
  leavesBehind: z.array(LeavesBehind).optional().describe('of rollback and forward: what the next boot has as it was earlier'),
  retention: z.array(RetentionVerdict).optional().describe('of prune: why each generation stays or goes'),
  steps: z.array(z.looseObject({ id: z.string(), kind: z.string(), why: z.string() })),
  commit: z.string().nullable(),
})

/** The JSON form of what every mutating command did. */
export const OperationReport = z.object({
  operation: z.string(),
  summary: z.string(),
  executed: z.boolean().describe('false with --plan, or when there was nothing to do'),
  rebootRequired: z.boolean(),
  next: z.string().nullable().describe('boot environment that GRUB starts next'),
  generation: z.int().nullable().describe('the generation that this run took'),
  recovered: z.array(z.object({ plan: z.string(), operation: z.string(), outcome: z.string() })).describe('interrupted runs that were brought to an end first'),
  decisions: z.array(z.looseObject({ subject: z.string(), answer: z.string(), why: z.string() })).describe('how configuration questions were answered'),
  quiesced: z
    .object({
      units: z.array(z.string()),
      from: z.string(),
      to: z.string(),
      seconds: z.number(),
    })
    .nullable()
    .describe('units that were stopped while the generation was taken, and for how long; null when there were none'),
  freedBytes: z.number().nullable().describe('of prune and delete: how much more is free on the pool than before, measured'),
  plan: PublishedPlan,
})
export type OperationReport = z.infer<typeof OperationReport>

const Decided = z.looseObject({ decisions: OperationReport.shape.decisions })

const Started = z.looseObject({ from: z.string(), to: z.string() })

/** What was down meanwhile. */
const quiescedBy = ({ plan, results }: OperationResult): OperationReport['quiesced'] => {
  const step = plan.steps.find((candidate) => candidate.kind === 'units.start')
  const started = step === undefined ? null : Started.safeParse(results.get(step.id))
  if (step?.kind !== 'units.start' || started?.data === undefined) return null
  const { from, to } = started.data
  return { units: [...step.units], from, to, seconds: (Date.parse(to) - Date.parse(from)) / 1000 }
}

/** What a mutating command tells a script. */
export const reportOperation = async (appliance: Appliance, result: OperationResult): Promise<OperationReport> => {
  const { plan } = result
  const { choice } = await appliance.boot.readChoice()
  const taken = plan.steps.find((step) => step.kind === 'generation.describe')
  const decided = Decided.safeParse(result.results.get('decide'))
  return {
    operation: plan.operation,
    summary: plan.summary,
    executed: result.executed,
    rebootRequired: result.executed && (await appliance.rebootNote.isSet()),
    next: choice === null ? null : nextBoot(choice).be,
    generation: result.executed && taken?.kind === 'generation.describe' ? taken.generation : null,
    recovered: result.recovered.map((run) => ({ ...run })),
    decisions: decided.success ? decided.data.decisions : [],
    quiesced: quiescedBy(result),
    freedBytes: result.freedBytes ?? null,
    plan: plan as unknown as z.infer<typeof PublishedPlan>,
  }
}
