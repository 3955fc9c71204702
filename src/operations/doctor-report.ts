import { z } from 'zod'
import type { Appliance } from './appliance.ts'
import { diagnose } from './diagnosis/diagnose.ts'
import { Finding } from './diagnosis/finding.ts'
import { repair } from './repair.ts'
import type { Conversation } from './run-operation.ts'

export const DoctorReport = z.object({
  findings: z.array(Finding),
  fixed: z.array(z.string()),
  recovered: z.array(z.object({ plan: z.string(), operation: z.string(), outcome: z.string() })),
})
export type DoctorReport = z.infer<typeof DoctorReport>

/** `belay doctor`, with or without `--fix`. */
export const examine = async (appliance: Appliance, fix: boolean, conversation: Conversation): Promise<DoctorReport> => {
  if (!fix) return { findings: (await diagnose(appliance)).map(({ finding }) => finding), fixed: [], recovered: [] }
  const { recovered, fixed, remaining } = await repair(appliance, conversation)
  return { findings: remaining.map(({ finding }) => finding), fixed: [...fixed], recovered: recovered.map((run) => ({ ...run })) }
}
