import { RefusedError } from '../../errors.ts'
import type { UnitState } from '../../sys/ports.ts'
import type { GenerationId } from '../names.ts'
import type { PlannedQuiesce, Step } from './step.ts'

/** What --quiesce does about units, as they were found. */
export interface Quiesce {
  /** Units that run: they are stopped before the snapshots and started after them. */
  readonly units: readonly string[]
  /** Units of policy that do not run, and stay so. */
  readonly idle: readonly string[]
  /** Units that policy does not name and that stop along with those that it names. */
  readonly along: readonly string[]
  /** The boot of the machine in which that was so, as the kernel names it. */
  readonly bootId: string
}

const listed = (names: readonly string[]): string => names.join(', ')

/**
 * Choose what is stopped, from the state of the units that policy names and of those that stop along with them.
 * @throws RefusedError when a unit is misspelt, is being stopped by somebody, or is the one in which belay runs
 */
export const planQuiesce = (named: readonly string[], states: readonly UnitState[], bootId: string): Quiesce => {
  const unknown = states.filter((unit) => named.includes(unit.name) && !unit.known).map(({ name }) => name)
  if (unknown.length > 0)
    throw new RefusedError('quiesce/unknown-unit', `this machine has no ${listed(unknown)}, which quiesce in /etc/belay/config.yaml names`, {
      next: ['systemctl list-unit-files', 'edit quiesce in /etc/belay/config.yaml'],
      data: { units: unknown },
    })
  const running = states.filter((unit) => unit.state === 'running')
  const ours = running.filter((unit) => unit.ours).map(({ name }) => name)
  if (ours.length > 0)
    throw new RefusedError('quiesce/own-unit', `belay runs in ${listed(ours)}, and would be stopped with it`, {
      next: ['run the command from another unit: systemd-run --pipe belay …', 'leave --quiesce out'],
      data: { units: ours },
    })
  const stopping = states.filter((unit) => unit.state === 'stopping').map(({ name }) => name)
  if (stopping.length > 0)
    throw new RefusedError('quiesce/stopping', `being stopped or restarted just now: ${listed(stopping)}`, {
      next: ['wait until that is over, then try again'],
      data: { units: stopping },
    })
  const units = running.map(({ name }) => name)
  return { units, idle: named.filter((name) => !units.includes(name)), along: units.filter((name) => !named.includes(name)), bootId }
}

/** What a plan says of units beyond its steps. */
export const quiesceNotices = ({ idle, along }: Quiesce): string[] => [
  ...(along.length > 0 ? [`not named in quiesce, but stopped and started with what it depends on: ${listed(along)}`] : []),
  ...(idle.length > 0 ? [`not running, and left so: ${listed(idle)}`] : []),
]

/** The steps around the snapshots, and what the generation's description tells of them. */
export const quiesceSteps = (
  { units, idle, bootId }: Quiesce,
  generation: GenerationId,
  suffix: string,
): { readonly before: Step[]; readonly after: Step[]; readonly planned: PlannedQuiesce } => {
  if (units.length === 0) return { before: [], after: [], planned: { units, idle, started: null } }
  const stop = `stop-units${suffix}`
  const start = `start-units${suffix}`
  return {
    before: [
      { id: stop, kind: 'units.stop', units, bootId, why: `stop ${listed(units)}, so that nothing writes while generation ${String(generation)} is taken` },
    ],
    after: [{ id: start, kind: 'units.start', units, stopped: { step: stop }, why: `start ${listed(units)} again` }],
    planned: { units, idle, started: { step: start } },
  }
}
