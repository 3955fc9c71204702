import { NotFoundError, RefusedError } from '../../errors.ts'
import type { BootChoice } from '../../boot/boot-choice.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Source } from '../driver.ts'
import type { BootEnvironment, Generation, Index } from '../model.ts'
import { type BeName, type DataName, GenerationId, beName, dataName } from '../names.ts'
import type { Basis } from './plan.ts'
import type { Step } from './step.ts'

/** Everything that a planner may look at: read once, never re-read while planning. */
export interface PlanningState {
  readonly index: Index
  readonly choice: BootChoice
  /** The boot environment mounted at the target's root; null when that root is none of belay's. */
  readonly running: BeName | null
  /** Numbers whose names are taken on disk by whatever is not in the index. */
  readonly occupied: { readonly generation: readonly number[]; readonly be: readonly number[]; readonly data: readonly number[] }
  /** Whether the running boot environment's boot set is what its /boot holds now. */
  readonly bootSetInStep: boolean
  /** Config paths of policy that are no filesystem of their own in the running boot environment. */
  readonly plainConfig: readonly string[]
}

/** What is given to a planner from outside: it has no clock, no randomness and no environment of its own. */
export interface PlanContext {
  readonly planId: string
  readonly now: string
  readonly actor: { readonly uid: number; readonly user: string }
  readonly policy: Policy
}

export const basisOf = (state: PlanningState): Basis => ({ revision: state.index.revision, choice: state.choice, running: state.running ?? 'none' })

const firstFree = (next: number, occupied: readonly number[]): number => {
  let candidate = next
  while (occupied.includes(candidate)) candidate += 1
  return candidate
}

/** Numbers for new objects: rising, and past every name that somebody else took. */
export class Numbering {
  #generation: number
  #be: number
  #data: number
  readonly #occupied: PlanningState['occupied']

  constructor(state: Pick<PlanningState, 'index' | 'occupied'>) {
    this.#generation = state.index.next.generation
    this.#be = state.index.next.be
    this.#data = state.index.next.data
    this.#occupied = state.occupied
  }

  generation(): GenerationId {
    const number = firstFree(this.#generation, this.#occupied.generation)
    this.#generation = number + 1
    return GenerationId.parse(number)
  }

  be(): BeName {
    const number = firstFree(this.#be, this.#occupied.be)
    this.#be = number + 1
    return beName(number)
  }

  data(): DataName {
    const number = firstFree(this.#data, this.#occupied.data)
    this.#data = number + 1
    return dataName(number)
  }
}

/** @throws NotFoundError naming the generation. */
export const generationOf = (index: Index, id: number): Generation => {
  const generation = index.generations.find((candidate) => candidate.id === id)
  if (generation === undefined) throw new NotFoundError(`there is no generation ${String(id)}`, { next: ['belay list'] })
  return generation
}

/** @throws NotFoundError naming the boot environment. */
export const beOf = (index: Index, name: BeName): BootEnvironment => {
  const be = index.bootEnvironments.find((candidate) => candidate.name === name)
  if (be === undefined) throw new NotFoundError(`there is no boot environment ${name}`, { next: ['belay doctor'] })
  return be
}

/** The running boot environment's record. @throws RefusedError when the target's root is not one of belay's. */
export const runningBe = (state: PlanningState): BootEnvironment => {
  if (state.running === null) {
    throw new RefusedError('not-a-boot-environment', 'the root that is mounted here is not one of belay’s boot environments', {
      next: ['reboot into the default entry of the menu, or mount the boot environment that belay status names, and try again'],
    })
  }
  return beOf(state.index, state.running)
}

/** Whether a boot environment was started while it stood for its generation, so that it may hold more than that does. */
export const wasStarted = (be: Pick<BootEnvironment, 'standsFor' | 'startedAs'>): boolean => be.standsFor !== null && be.startedAs === be.standsFor

/** Whether it is a standby that was never used. */
export const isUntouched = ({ running }: Pick<PlanningState, 'running'>, be: BootEnvironment): boolean =>
  be.standsFor !== null && be.standsFor === be.origin && !wasStarted(be) && be.name !== running

/** Whether the upgrade that is on trial was made in this boot. One that was made while the machine was only mounted is started by its next boot. */
export const isUnstarted = (session: { readonly bootId?: string }, bootId: string | null): boolean => (session.bootId ?? null) === bootId

/** The boot environment that stands for a generation, if one does: rather one that was never started. */
export const standbyOf = (index: Index, id: GenerationId): BootEnvironment | null => {
  const standing = index.bootEnvironments.filter((be) => be.standsFor === id)
  return standing.find((be) => !wasStarted(be)) ?? standing[0] ?? null
}

/** The step that gives a boot environment what is the machine's own and must not go back with a version. */
export const carryIdentity = (be: BeName, context: PlanContext, suffix = ''): Step => ({
  id: `identity${suffix}`,
  kind: 'identity.carry',
  be,
  paths: context.policy.identity,
  plan: context.planId,
  why: `give ${be} the machine-id and host keys of now`,
})

/** Root and config of a boot environment, as sources of a snapshot or clone. */
export const sourcesOf = (record: Pick<BootEnvironment, 'members'>): Source[] =>
  record.members.flatMap(({ role: word, mountpoint, volume }): Source[] => {
    const role = (['root', 'config'] as const).find((known) => known === word)
    return role === undefined ? [] : [{ role, mountpoint, volume }]
  })

/** Sources of the data volumes that a boot environment uses (log volumes are never part of a set). */
export const dataSourcesOf = (index: Index, be: BootEnvironment): Source[] =>
  be.data.flatMap((use) => {
    const data = index.data.find((candidate) => candidate.name === use.data)
    return data?.role === 'data' ? [{ role: 'data', mountpoint: use.mountpoint, volume: data.volume } satisfies Source] : []
  })

/** @throws RefusedError while an upgrade runs, failed, or waits for its trial to end. */
export const refuseDuringSession = (state: PlanningState, operation: string): void => {
  const { session } = state.index
  if (session === null) return
  const waits = {
    armed: 'an upgrade is running, or was killed and not yet closed',
    failed: state.running === session.be ? 'an upgrade failed; the machine boots the untouched version next' : 'an upgrade failed and was left by a reboot',
    trial: 'an upgrade is on trial and not yet confirmed',
  }
  const next = {
    armed: ['belay status         (says whether it still runs)', 'belay doctor --fix   (when it was interrupted)'],
    failed: [state.running === session.be ? 'systemctl reboot' : 'belay confirm   (the machine is back on the untouched version)'],
    trial: ['belay confirm   (when the machine is healthy)', 'belay rollback  (when it is not)'],
  }
  const phase = session.phase as keyof typeof waits
  throw new RefusedError(`session/${session.phase}`, `${operation} refused: ${waits[phase]}`, { next: next[phase], data: { session } })
}
