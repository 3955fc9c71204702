import { NotFoundError, RefusedError } from '../../errors.ts'
import { type BootChoice, nextBoot } from '../../boot/boot-choice.ts'
import type { BootEnvironment, Generation } from '../model.ts'
import type { BeName, GenerationId } from '../names.ts'
import { cloneGeneration, holderOfBootSet, sourcesKeepingConfig } from './clone-generation.ts'
import { passDataGate } from './data-gate.ts'
import { dataNotHeld, holdsData, restoredData, sharedData } from './data-of-clone.ts'
import { type Departure, type PathInRoot, dataLeftBehind, describeLeftBehind, pathsLeftBehind } from './left-behind.ts'
import { versionBeforeLastUpgrade } from './lineage.ts'
import type { Plan } from './plan.ts'
import { replaceStandby } from './replace-standby.ts'
import {
  Numbering,
  type PlanContext,
  type PlanningState,
  basisOf,
  beOf,
  carryIdentity,
  generationOf,
  refuseDuringSession,
  runningBe,
  sourcesOf,
  wasStarted,
} from './state.ts'
import type { PlannedChange, Step } from './step.ts'
import { attemptsOf, endTrialHealth } from './trial-health.ts'
import { takeGeneration } from './take-generation.ts'
import { refuseTorn } from './torn.ts'

export interface SwitchRequest {
  readonly direction: 'rollback' | 'forward'
  /** A generation, or a boot environment that stands for one. Null: the version before the last upgrade (rollback), the one that was left last (forward). */
  readonly id: number | BeName | null
  readonly keepConfig: boolean
  readonly withData: boolean
  readonly once: boolean
  readonly force: boolean
  readonly atomic: boolean
  /** Pool features in use that the ZFS of a boot environment does not know: it could not import the pool. */
  readonly unreadable: ReadonlyMap<BeName, readonly string[]>
  /** Boot environments whose root the pool does not have by its name. */
  readonly missing: ReadonlySet<BeName>
  /** What lies in root and is not the operating system. */
  readonly pathsInRoot: readonly PathInRoot[]
}

const defaultTarget = (state: PlanningState, request: SwitchRequest, running: BeName): Generation => {
  const { index } = state
  if (request.direction === 'forward') {
    const last = index.left.at(-1)
    if (last === undefined)
      throw new NotFoundError('no version was left behind, so there is none to go forward to', { next: ['belay list', 'belay forward ID'] })
    return generationOf(index, last)
  }
  if (index.session?.phase === 'trial' && index.session.be === running) return generationOf(index, index.session.generation)
  const target = versionBeforeLastUpgrade(index, running)
  if (target === null)
    throw new NotFoundError('there was no upgrade of what runs now, so there is no version before it', {
      next: [...(index.left.length > 0 ? ['belay forward   (back to what the last change of version left)'] : []), 'belay list', 'belay rollback ID'],
    })
  return target
}

/** @throws RefusedError for a boot environment that cannot be chosen, NotFoundError */
const wantedGeneration = ({ index }: PlanningState, wanted: number | BeName): Generation => {
  if (typeof wanted === 'number') return generationOf(index, wanted)
  const be = beOf(index, wanted)
  refuseTorn(be)
  if (be.standsFor !== null) return generationOf(index, be.standsFor)
  throw new RefusedError('no-generation', `${wanted} stands for no generation`, { next: ['belay list', 'belay rollback ID'], data: { be: wanted } })
}

/** The one write that switches: a trial of the target with the last confirmed one as fallback, or once, or back to what is confirmed. */
const choiceFor = (state: PlanningState, request: SwitchRequest, target: BeName, context: PlanContext): BootChoice => {
  const { good } = state.choice
  if (request.once) return { ...state.choice, once: target }
  if (target === good) return { good, trial: null, attemptsLeft: 0, once: null }
  return { good, trial: target, attemptsLeft: attemptsOf(context.policy), once: null }
}

const sameData = (a: BootEnvironment, b: BootEnvironment): boolean =>
  a.data.length === b.data.length && a.data.every((use) => b.data.some((other) => other.mountpoint === use.mountpoint && other.data === use.data))

/**
 * The boot environment to start for a generation, if there is one. Forward leads to what was left, with the data that it had; a rollback leaves the
 * data alone, so a standby that was given a copy of its own is none for it, and neither is one that was started since: it may not be what the generation holds.
 */
const standingFor = (state: PlanningState, request: SwitchRequest, generation: Generation, running: BootEnvironment): BootEnvironment | null => {
  const standing = state.index.bootEnvironments.filter((be) => be.standsFor === generation.id && be.tornAt === undefined)
  const own = standing.find((be) => be.name === running.name)
  if (own !== undefined) return own
  const untouched = standing.filter((be) => !wasStarted(be))
  if (request.direction === 'rollback') return untouched.find((be) => sameData(be, running)) ?? null
  return standing.find((be) => be.name === generation.takenFrom) ?? untouched[0] ?? null
}

/**
 * Choose the version for the next boot. What runs now is taken as a generation first and stays as it is; nothing is destroyed, and one
 * write of the env block is the switch.
 */
export const planSwitch = (state: PlanningState, request: SwitchRequest, context: PlanContext): Plan => {
  if (state.index.session?.phase !== 'trial') refuseDuringSession(state, request.direction)
  const running = runningBe(state)
  const pending = nextBoot(state.choice).be
  const generation = request.id === null ? defaultTarget(state, request, running.name) : wantedGeneration(state, request.id)
  const existing = standingFor(state, request, generation, running)
  const stays = existing?.name === running.name

  if (stays && pending === running.name) {
    throw new RefusedError('already-there', `generation ${String(generation.id)} is what runs now`, { next: ['belay list'] })
  }

  if (existing !== null) refuseMissing(request, generation, existing.name)
  refuseUnreadable(request, generation, existing ?? holderOfBootSet(state, generation))

  const fresh = !stays && (existing === null || request.keepConfig || request.withData)
  const numbering = new Numbering(state)
  const steps: Step[] = []
  const changes: PlannedChange[] = []
  const notices: string[] = []

  // What runs now is left only once: a second change of mind before the reboot finds it already taken.
  const leftAlready = state.index.generations.find((candidate) => candidate.id === running.standsFor && pending !== running.name && !wasStarted(running))
  let left: GenerationId | null = leftAlready?.id ?? null
  if (!stays && leftAlready === undefined && !request.once) {
    const taken = takeGeneration({
      state,
      context,
      numbering,
      be: running,
      reason: {
        kind: request.direction === 'rollback' ? 'before-rollback' : 'before-forward',
        text: `before ${request.direction} to ${String(generation.id)}`,
      },
      withData: false,
      hold: null,
      health: state.choice.good === running.name ? 'confirmed' : 'unknown',
      standby: false,
      atomic: request.atomic,
    })
    left = taken.id
    steps.push(...taken.steps)
    changes.push(...taken.changes, {
      planned: 'change',
      change: { change: 'be-stands-for', name: running.name, standsFor: { from: running.standsFor, to: taken.id } },
    })
  }

  const departure: Departure = { index: state.index, running, generation, left, now: context.now }
  const data = request.withData ? restoredData(state, generation, running, numbering) : sharedData(state, running)
  const uses = fresh ? data.uses : existing.data
  if (!request.withData) {
    const withData = holdsData(generation) ? dataLeftBehind(departure, restoredData(state, generation, running, new Numbering(state)).uses) : null
    notices.push(...passDataGate({ index: state.index, generation, data: uses, force: request.force, now: context.now, withData }))
  }

  const forced = notices.length > 0
  notices.push(...startedNotices(state, request, generation, running))
  const leavesBehind = stays ? [] : [...dataLeftBehind(departure, uses), ...pathsLeftBehind(departure, request.pathsInRoot)]
  notices.push(...leavesBehind.map((item) => describeLeftBehind(item, context.now, request.pathsInRoot)))
  if (request.withData) notices.push(...dataNotHeld(state, generation, running))

  let target: BeName = existing?.name ?? running.name
  if (fresh) {
    target = numbering.be()
    const clone = cloneGeneration({
      state,
      context,
      generation,
      name: target,
      sources: request.keepConfig ? sourcesKeepingConfig(generation, running) : sourcesOf(generation),
      data: data.uses,
      standsFor: request.keepConfig || request.withData ? null : generation.id,
      why: `clone ${target} from generation ${String(generation.id)}${request.keepConfig ? ' with the configuration of now' : ''}`,
    })
    steps.push(...data.steps, ...clone.steps)
    changes.push(...data.changes, ...clone.changes)
  }

  if (!stays) steps.push(carryIdentity(target, context))
  if (left !== null && leftAlready === undefined && running.standsFor !== null) {
    const replacement = replaceStandby({ state, context, numbering, be: running })
    steps.push(...replacement.steps)
    changes.push(...replacement.changes)
  }
  const to = choiceFor(state, request, target, context)
  const stack = leftStack(state.index.left, request, generation.id, left)
  if (JSON.stringify(stack) !== JSON.stringify(state.index.left)) {
    changes.push({ planned: 'change', change: { change: 'left', left: { from: state.index.left, to: stack } } })
  }
  if (!request.once) changes.push(...endTrialHealth(state.index))
  if (request.keepConfig) notices.push(`the configuration of ${running.name} is taken along`)
  if (changes.length > 0) steps.push({ id: 'record', kind: 'index.change', changes, why: 'record what was left and what comes next' })

  return {
    format: 1,
    id: context.planId,
    operation: request.direction,
    madeAt: context.now,
    summary: `the next boot starts ${target}, generation ${String(generation.id)} (${generation.reason.text})${request.once ? ', once' : ''}`,
    basis: basisOf(state),
    checks: [
      { name: 'no open upgrade', detail: 'no upgrade is running or failed' },
      { name: 'data format', detail: forced ? 'forced' : 'the version can read the data that it gets' },
    ],
    notices,
    leavesBehind,
    steps: [
      ...steps,
      { id: 'menu', kind: 'menu.write', choice: to, why: 'bring the boot menu up to date' },
      { id: 'switch', kind: 'choice.write', from: state.choice, to, why: `let GRUB start ${target} next` },
      {
        id: 'reboot-note',
        kind: 'reboot.note',
        text: `belay ${request.direction} to generation ${String(generation.id)}`,
        why: 'say whether a reboot is needed',
      },
    ],
    commit: 'switch',
    escape: null,
  }
}

/** @throws RefusedError `be-missing` when somebody destroyed or renamed what starts the version */
const refuseMissing = ({ missing }: SwitchRequest, { id }: Generation, be: BeName): void => {
  if (!missing.has(be)) return
  throw new RefusedError('be-missing', `generation ${String(id)} cannot be started: ${be} is not on the pool`, {
    next: ['belay doctor   (says what can be done)'],
    data: { generation: id, be },
  })
}

/** @throws RefusedError `pool-features` when the pool was upgraded beyond what the ZFS of the version knows: its initramfs could not import it. */
const refuseUnreadable = ({ unreadable }: SwitchRequest, generation: Generation, be: BootEnvironment | undefined): void => {
  const features = be === undefined ? undefined : unreadable.get(be.name)
  if (be === undefined || features === undefined) return
  throw new RefusedError(
    'pool-features',
    `generation ${String(generation.id)} cannot be started: the pool uses ${features.join(', ')}, which the ZFS of ${be.name} does not know`,
    {
      next: ['belay list   (a version with a newer ZFS can be started)', 'nothing takes back what “zpool upgrade” enabled'],
      data: { generation: generation.id, be: be.name, features },
    },
  )
}

/** Rollbacks push what they left; going to a version that is on the stack takes it and what was left after it off. */
const leftStack = (stack: readonly GenerationId[], request: SwitchRequest, target: GenerationId, left: GenerationId | null): readonly GenerationId[] => {
  if (request.once) return stack
  const at = stack.indexOf(target)
  const kept = at === -1 ? [...stack] : stack.slice(0, at)
  return request.direction === 'rollback' && left !== null && !kept.includes(left) ? [...kept, left] : kept
}

/** Boot environments that a new clone is made beside, because they were started: what was written in them since is not what was asked for. */
const startedNotices = (state: PlanningState, request: SwitchRequest, generation: Generation, running: BootEnvironment): string[] =>
  request.keepConfig || request.withData
    ? []
    : state.index.bootEnvironments
        .filter((be) => be.standsFor === generation.id && wasStarted(be) && be.name !== running.name)
        .filter((be) => request.direction === 'rollback' || be.name !== generation.takenFrom)
        .map((be) => `${be.name} was started since it was cloned and stays as it is; generation ${String(generation.id)} is cloned anew`)
