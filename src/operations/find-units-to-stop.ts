import { RefusedError } from '../errors.ts'
import { type Quiesce, planQuiesce } from '../snap/plan/quiesce.ts'
import { CONFIG_FILE } from '../snap/target.ts'
import type { UnitState, Units } from '../sys/ports.ts'
import type { Appliance } from './appliance.ts'

/** The units with those that stop along with them, and so on. */
const withAlong = async (units: Units, named: readonly string[]): Promise<UnitState[]> => {
  const found = new Map<string, UnitState>()
  for (let next = [...new Set(named)]; next.length > 0;) {
    const states = await units.states(next)
    for (const unit of states) found.set(unit.name, unit)
    next = [...new Set(states.flatMap((unit) => unit.takesAlong))].filter((name) => !found.has(name))
  }
  return [...found.values()]
}

/**
 * What --quiesce stops: the units that policy names and that run, with those that stop along with them.
 * @throws RefusedError where no machine runs, or where policy names none
 */
export const findUnitsToStop = async ({ units, bootId, policy, target }: Appliance): Promise<Quiesce> => {
  if (units === null || bootId === null)
    throw new RefusedError('quiesce/not-running', `--quiesce stops units of a running machine; the one at ${target.root} is only mounted`, {
      next: ['leave --quiesce out: nothing of it runs that could write'],
    })
  if (policy.quiesce.length === 0)
    throw new RefusedError('quiesce/no-units', `--quiesce does not know what to stop: ${CONFIG_FILE} names no unit`, {
      next: [`name them in ${CONFIG_FILE}:  quiesce: [acme-gateway.service]`, 'leave --quiesce out'],
    })
  return planQuiesce(policy.quiesce, await withAlong(units, policy.quiesce), bootId)
}
