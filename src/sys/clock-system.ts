import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from './ports.ts'

/** The machine's clock; the only place that asks for the time of day. */
export const systemClock: Clock = { now: () => new Date(), pause: (milliseconds) => sleep(milliseconds) }
