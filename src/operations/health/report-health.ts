import { z } from 'zod'
import type { Appliance } from '../appliance.ts'
import type { Conversation } from '../run-operation.ts'
import { checkHealth, faultsOf } from './check-health.ts'
import { HealthCheck } from './health-check.ts'
import { endIncompleteTrial, forgiveOrderlyEnd, judgeThisBoot, passGate } from './judge-this-boot.ts'

/** What `belay health` found. */
export const HealthReport = z.object({
  healthy: z.boolean(),
  checks: z.array(HealthCheck).describe('what was looked at; empty where nothing was'),
  verdict: z.enum(['confirm', 'wait', 'fall-back', 'report']).nullable().describe('what follows from it for a trial; null where nobody asked'),
})
export type HealthReport = z.infer<typeof HealthReport>

/** Parts of the health gate, as its units call them. */
export type GatePart = 'gate' | 'passed' | 'incomplete' | 'ending'

const checked = async (appliance: Appliance): Promise<HealthReport> => {
  const checks = [...(await checkHealth(appliance))]
  return { healthy: checks.every(({ healthy }) => healthy), checks, verdict: null }
}

const PARTS: Readonly<Record<GatePart, (appliance: Appliance, conversation: Conversation) => Promise<HealthReport>>> = {
  async gate(appliance, conversation) {
    const report = await checked(appliance)
    return { ...report, verdict: await judgeThisBoot(appliance, faultsOf(report.checks), conversation) }
  },
  async passed(appliance, conversation) {
    return { healthy: true, checks: [], verdict: await passGate(appliance, conversation) }
  },
  async incomplete(appliance, conversation) {
    const ends = await endIncompleteTrial(appliance, conversation)
    return { healthy: !ends, checks: [], verdict: ends ? 'fall-back' : 'report' }
  },
  async ending(appliance, conversation) {
    return { healthy: true, checks: [], verdict: (await forgiveOrderlyEnd(appliance, conversation)) ? 'wait' : 'report' }
  },
}

/** Look at the health of the machine that runs, and as a part of the gate draw the consequence. @throws RefusedError for an appliance that is only mounted */
export const reportHealth = (appliance: Appliance, part: GatePart | null, conversation: Conversation): Promise<HealthReport> =>
  part === null ? checked(appliance) : PARTS[part](appliance, conversation)
