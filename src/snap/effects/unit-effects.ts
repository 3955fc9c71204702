import { BugError } from '../../errors.ts'
import type { Clock, Units } from '../../sys/ports.ts'
import type { Effects } from '../executor.ts'
import { stoppedFrom } from './results.ts'
import { nothing } from './nothing-to-undo.ts'

type UnitKinds = 'units.stop' | 'units.start'

interface UnitPorts {
  /** Null where the machine does not run. */
  readonly units: Units | null
  readonly bootId: string | null
  readonly clock: Clock
}

/** Steps that stop units for a restore point and start them again. Their results are ISO times: from when to when they were down. */
export const unitEffects = ({ units, bootId, clock }: UnitPorts): Pick<Effects, UnitKinds> => {
  const now = (): string => clock.now().toISOString()
  const ofRunning = (): Units => {
    if (units === null) throw new BugError('units are stopped on a running machine alone')
    return units
  }
  return {
    'units.stop': {
      apply: async (step, { signal }) => {
        const from = now()
        await ofRunning().stop(step.units, signal)
        return { from }
      },
      // Which of them had been stopped is not known, and need not be: those that run are left as they are.
      undo: async (step) => {
        if (units !== null && bootId === step.bootId) await units.start(step.units)
      },
    },
    'units.start': {
      apply: async (step, { results }) => {
        const { from } = stoppedFrom(results, step.stopped)
        await ofRunning().start(step.units)
        return { from, to: now() }
      },
      undo: nothing,
    },
  }
}
