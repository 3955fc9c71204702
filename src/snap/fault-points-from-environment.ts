import { UsageError } from '../errors.ts'
import { type FaultPoints, noFaults } from './fault-points.ts'

/** How a process dies or stands still, or a machine panics, at a fault point; the composition root knows. */
export interface FaultActions {
  readonly kill: () => void
  readonly stop: () => void
  readonly panic: () => Promise<void>
}

/**
 * Fault points for tests of the real program: `POINT:kill` (SIGKILL of the whole process group), `POINT:stop` (SIGSTOP, so that something can happen
 * meanwhile), `POINT:panic` (of the kernel, by sysrq) or `POINT:error`. Null or empty: none.
 */
export const faultPointsFrom = (text: string | undefined, actions: FaultActions): FaultPoints => {
  if (text === undefined || text === '') return noFaults
  const [, wanted, action] = /^([a-z0-9.-]+):(kill|stop|panic|error)$/.exec(text) ?? []
  if (wanted === undefined || action === undefined) throw new UsageError('BELAY_FAULT must look like take-generation.begun:kill')
  let stopped = false
  return {
    reach: async (point) => {
      if (point !== wanted || stopped) return
      if (action === 'error') throw new Error(`fault at ${point}`)
      if (action === 'panic') await actions.panic()
      else if (action === 'kill') actions.kill()
      else {
        // A step that meets a full disk is begun once more.
        stopped = true
        actions.stop()
      }
    },
  }
}
