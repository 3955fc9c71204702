import { z } from 'zod'
import { nextBoot } from '../boot/boot-choice.ts'
import type { Appliance } from './appliance.ts'
import type { OperationResult } from './run-operation.ts'

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
  plan: PublishedPlan,
})
export type OperationReport = z.infer<typeof OperationReport>

const Decided = z.looseObject({ decisions: OperationReport.shape.decisions })

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
    plan: plan as unknown as z.infer<typeof PublishedPlan>,
  }
}
