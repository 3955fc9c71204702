import { LockedError, NoSpaceError, RefusedError } from '../errors.ts'
import type { ExecutionEvent, Results } from '../snap/executor.ts'
import type { Plan } from '../snap/plan/plan.ts'
import type { PlanContext, PlanningState } from '../snap/plan/state.ts'
import type { Appliance } from './appliance.ts'
import { closeAptRun } from './close-apt-run.ts'
import { executorFor, makeReserveAgain } from './executor-for.ts'
import { locked, refuseUnreadablePolicy } from './hold-lock.ts'
import { planContext, readPlanningState } from './read-planning-state.ts'

/** How the caller takes part in an operation. */
export interface Conversation {
  /** Only make the plan. */
  readonly planOnly: boolean
  /** Show the plan and ask; throws when the answer is no. */
  readonly approve: (plan: Plan) => Promise<void>
  readonly onEvent: (event: ExecutionEvent, plan: Plan) => void
  readonly signal: AbortSignal
}

export interface OperationResult {
  readonly plan: Plan
  /** False when only the plan was asked for, or when there was nothing to do. */
  readonly executed: boolean
  readonly results: Results
  /** Operations of earlier runs that this one brought to an end first. */
  readonly recovered: readonly Recovered[]
  /** Bytes that came free on the pool, measured. */
  readonly freedBytes?: number
}

export interface Recovered {
  readonly plan: string
  readonly operation: string
  readonly outcome: 'done' | 'undone' | 'escaped'
}

/** Bring runs that died to an end: undo, finish, or leave it to the next boot; close a run of apt whose owner is gone. The lock must be held. */
export const recoverInterrupted = async (appliance: Appliance, conversation: Pick<Conversation, 'onEvent' | 'signal'>): Promise<Recovered[]> => {
  const recovered: Recovered[] = []
  for (const { record, journal } of await appliance.journals.unfinished()) {
    const inPackages = record.plan.steps.some((step, position) => step.kind === 'packages.apply' && record.begun.has(position) && !record.results.has(step.id))
    const holder = inPackages ? (await appliance.packages.state()).lockHolder : null
    if (holder !== null) {
      throw new LockedError(`apt of the interrupted ${record.plan.operation} still runs (process ${String(holder)})`, {
        next: ['wait until it has ended, then try again'],
        data: { pid: holder },
      })
    }
    const execution = await executorFor(appliance, { ...conversation, signal: new AbortController().signal }, true).recover(record, journal)
    recovered.push({ plan: record.plan.id, operation: record.plan.operation, outcome: execution.outcome })
  }
  const closed = await closeAptRun(appliance, () => executorFor(appliance, { ...conversation, signal: new AbortController().signal }))
  if (closed !== null) recovered.push(closed)
  if (recovered.length > 0) await makeReserveAgain(appliance)
  return recovered
}

type Planner = (state: PlanningState, context: PlanContext) => Plan | Promise<Plan>

/**
 * The course of every mutating operation: lock, bring interrupted runs to an end, read the state, plan, ask, execute. With `planOnly`
 * nothing is locked, recovered or changed.
 */
export const runOperation = async (
  appliance: Appliance,
  operation: string,
  planner: Planner,
  conversation: Conversation,
  options: {
    readonly usesReserve?: boolean
    /** What follows under the same lock once the plan is done; returns what to tell. */
    readonly afterwards?: () => Promise<readonly string[]>
  } = {},
): Promise<OperationResult> => {
  if (conversation.planOnly) {
    refuseUnreadablePolicy(appliance)
    const plan = await planner(await readPlanningState(appliance), planContext(appliance))
    return { plan, executed: false, results: new Map(), recovered: [] }
  }
  return locked(appliance, operation, async () => {
    const recovered = await recoverInterrupted(appliance, conversation)
    const plan = await planner(await readPlanningState(appliance), planContext(appliance))
    if (plan.steps.length === 0) return { plan, executed: false, results: new Map<string, unknown>(), recovered }
    await conversation.approve(plan)
    await refuseReadOnly(appliance)
    if (options.usesReserve !== true) await refuseWithoutRoom(appliance)
    const lend = options.usesReserve === true && (await isAlmostFull(appliance))
    if (lend) await appliance.reserve.release()
    try {
      const { results, stays } = await executorFor(appliance, conversation).execute(plan)
      const told = (await options.afterwards?.()) ?? []
      return { plan: { ...plan, notices: [...plan.notices, ...stays, ...told] }, executed: true, results, recovered }
    } finally {
      if (lend) await makeReserveAgain(appliance)
    }
  })
}

/** The menu twice, as it is written beside the old one, with the entries of a new version. */
const ROOM_FOR_MENU = 256 * 1024

/** @throws NoSpaceError before anything is begun that would have to be taken back half way */
const refuseWithoutRoom = async ({ boot }: Appliance): Promise<void> => {
  const { free } = await boot.space()
  if (free >= ROOM_FOR_MENU) return
  throw new NoSpaceError(`the GRUB partition is full: ${String(free)} bytes are free`, {
    next: ['du --all /boot/grub | sort --numeric-sort | tail   (says what fills it)', 'belay prune'],
    data: { where: '/boot/grub', need: ROOM_FOR_MENU, free },
  })
}

/** @throws RefusedError `layout/read-only` before anything is begun that could be neither done nor taken back */
export const refuseReadOnly = async ({ boot }: Appliance): Promise<void> => {
  const at = await boot.readOnlyAt()
  if (at !== null) throw new RefusedError('layout/read-only', READ_ONLY, { next: remediesOfReadOnly(at) })
}

export const READ_ONLY = 'the GRUB partition is mounted read-only, so that no version can be chosen or offered'

/** The kernel makes a filesystem read-only when it finds it damaged (mount option errors=remount-ro). */
export const remediesOfReadOnly = (mountpoint: string): readonly string[] => [
  `mount -o remount,rw ${mountpoint}`,
  'dmesg | grep EXT4-fs   (says why; after an error: umount it and run fsck on its device first)',
]

/** Room for the records of an operation and then some. */
const ROOM_FOR_RECORDS = 4 * 1024 * 1024

/** Whether an operation that frees space, or that keeps GRUB from falling back, might find no room for its own records; it is lent the reserve then. */
const isAlmostFull = async (appliance: Appliance): Promise<boolean> =>
  (await appliance.driver.space()).free < ROOM_FOR_RECORDS || (await appliance.boot.space()).free < ROOM_FOR_RECORDS
