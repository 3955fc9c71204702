import { z } from 'zod'

/** One thing that was looked at. */
export const HealthCheck = z.object({
  check: z.string().describe('policy, records, units, boot-complete, health.units, writable, network, or health.d/NAME'),
  healthy: z.boolean(),
  text: z.string(),
  lines: z.array(z.string()).describe('the last that failed units, or a program, wrote'),
})
export type HealthCheck = z.infer<typeof HealthCheck>
