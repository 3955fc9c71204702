import { RefusedError } from '../../errors.ts'
import type { AptOwner } from '../../pkg/apt-owner.ts'
import type { HookedChange } from '../../pkg/hook-input.ts'
import type { BootEnvironment, Session } from '../model.ts'
import { armSteps, takeAndArm } from './armed-upgrade.ts'
import { runsAfterFailure, settleFailure } from './after-failure.ts'
import { checkConfirmed } from './confirmed.ts'
import type { Plan } from './plan.ts'
import { type Numbering, type PlanContext, type PlanningState, basisOf, isUnstarted, runningBe } from './state.ts'
import { type UpgradeSpace, checkUpgradeSpace } from './upgrade-space.ts'
import { upgradeTitle } from './upgrade-title.ts'

export interface AptRunRequest {
  readonly changes: readonly HookedChange[]
  /** Bytes of the archives that dpkg unpacks. */
  readonly archiveBytes: number
  readonly space: UpgradeSpace
  readonly atomic: boolean
  readonly owner: AptOwner
  /** Whether the process that armed the session that is open, if one is, still works. */
  readonly isArmedByLiving: boolean
  /** The boot of the machine, as the kernel names it; null where the machine does not run. */
  readonly bootId: string | null
}

/** Code of the refusal while a version waits for its confirmation, for which policy has a word of its own. */
export const UNVERIFIED = 'apt/unverified'

/** What an archive holds is about four times its size (xz); dpkg unpacks it beside what is there. */
const UNPACKED = 4

/** The open session whose restore point serves a further run: no boot has shown yet what came of it, and nobody chose another version since. */
const sessionToJoin = ({ index: { session }, choice }: PlanningState, running: BootEnvironment, bootId: string | null): Session | null => {
  if (session?.be !== running.name || choice.good !== session.fallback || choice.once !== null) return null
  if (choice.trial !== (session.phase === 'trial' ? session.be : null)) return null
  if (session.phase === 'armed') return session
  // What apt broke, apt may mend.
  const isOpen = session.phase === 'trial' || (session.phase === 'failed' && session.operation === 'apt')
  return isOpen && isUnstarted(session, bootId) ? session : null
}

const refuseUnverified = ({ index, choice }: PlanningState): void => {
  const unverified = index.session?.phase === 'trial' ? index.session.be : choice.trial
  if (unverified === null) return
  throw new RefusedError(UNVERIFIED, `${unverified} is on trial and not yet confirmed, and unverified means waiting`, {
    next: ['belay confirm   (when the machine is healthy)', `belay ${index.left.length > 0 ? 'forward ' : 'rollback'}  (when it is not)`],
    data: { be: unverified },
  })
}

const isSameOwner = (a: Session['owner'], b: AptOwner): boolean => a.pid === b.pid && a.startTime === b.startTime

/**
 * A run of apt that belay did not start, before its first dpkg: a restore point, whose standby is what GRUB starts until the run is closed. While nothing has
 * shown what came of an earlier run (a reboot is pending, or that run was never closed) it joins the restore point and the trial of that one. After a failure that
 * GRUB went back from, what runs is the version from before: that needs no person to confirm it, and the new session takes the place of the failed one.
 */
export const planAptRun = (state: PlanningState, request: AptRunRequest, context: PlanContext): Plan => {
  const running = runningBe(state)
  const joined = sessionToJoin(state, running, request.bootId)
  const { owner, bootId } = request
  const title = upgradeTitle(request.changes)
  const common = { format: 1, id: context.planId, operation: 'apt', madeAt: context.now, basis: basisOf(state), notices: [], escape: null } as const
  if (joined !== null) {
    const { generation } = joined
    const summary = `${title}: joins generation ${String(generation)}, the restore point of ${joined.text.replace(/^before /, 'the ')}`
    const isArmed = joined.phase === 'armed' && (isSameOwner(joined.owner, owner) || request.isArmedByLiving)
    // An upgrade that is joined is apt's from then on: what closes it is what closes a run of apt.
    const session: Session = { ...joined, operation: 'apt', phase: 'armed', owner: { ...owner }, ...(bootId === null ? {} : { bootId }) }
    const steps = isArmed ? [] : armSteps(state, session, [])
    const checks = [{ name: 'restore point', detail: `generation ${String(generation)} is from before the first of these runs` }]
    return { ...common, summary, checks, steps, commit: isArmed ? null : 'arm' }
  }
  refuseUnverified(state)
  const isAfterFailure = runsAfterFailure(state)
  const checks = [
    isAfterFailure
      ? { name: 'no trial', detail: `${running.name} is the untouched version, to which GRUB went back after a failure` }
      : checkConfirmed(state, 'apt'),
    ...checkUpgradeSpace(
      request.space,
      { who: 'the run of apt', bytes: request.archiveBytes * UNPACKED, packages: request.changes.map(({ name }) => name) },
      context,
    ),
  ]
  const { session, steps } = takeAndArm(
    state,
    {
      operation: 'apt',
      text: `before apt run of ${title}`,
      withData: false,
      health: 'confirmed',
      quiesce: null,
      atomic: request.atomic,
      owner: { ...owner },
      bootId,
      ...(isAfterFailure ? { alongside: (numbering: Numbering) => settleFailure(state, numbering, context) } : {}),
    },
    context,
  )
  const summary = `generation ${String(session.generation)} is the restore point of apt’s run of ${title}`
  return { ...common, summary, checks, steps, commit: 'arm' }
}
