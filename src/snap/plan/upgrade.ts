import { NoSpaceError, RefusedError } from '../../errors.ts'
import type { BootChoice } from '../../boot/boot-choice.ts'
import { canRead } from '../../pkg/data-format.ts'
import type { DpkgState, PackageRun, Simulation } from '../../pkg/packages.ts'
import { type ReleaseChange, removalNotice } from '../../pkg/release/plan-release.ts'
import type { Session } from '../model.ts'
import type { Check, Plan } from './plan.ts'
import { type Quiesce, quiesceNotices } from './quiesce.ts'
import { Numbering, type PlanContext, type PlanningState, basisOf, refuseDuringSession, runningBe } from './state.ts'
import type { PlannedChange, Step } from './step.ts'
import { attemptsOf, endTrialHealth } from './trial-health.ts'
import { takeGeneration } from './take-generation.ts'

/** Free bytes where an upgrade writes. */
export interface UpgradeSpace {
  readonly pool: number
  readonly grubPartition: number
  /** Bytes of the running boot environment's boot set: what a new kernel will need about as much of. */
  readonly bootSet: number
}

export interface UpgradeRequest {
  readonly simulation: Simulation
  readonly runs: readonly PackageRun[]
  /** The next release of Debian, when it is wanted. */
  readonly release: ReleaseChange | null
  readonly dpkg: DpkgState
  readonly space: UpgradeSpace
  readonly withData: boolean
  /** Units to stop while the restore point is taken; null where that was not asked for. */
  readonly quiesce: Quiesce | null
  readonly atomic: boolean
  /** The data format that the upgraded application will write; null when its package ships none. */
  readonly newDataFormat: string | null
  readonly owner: { readonly pid: number; readonly startTime: string }
  /** The boot of the machine, as the kernel names it; null where the machine does not run. */
  readonly bootId: string | null
}

const MIB = 1024 * 1024
/** dpkg unpacks beside the old files before it renames: an upgraded package needs its size a second time. */
const UNPACK_FACTOR = 2

const isKernelOrBootLoader = (name: string): boolean => /^(?:linux-image-|linux-modules-|initramfs-tools|grub-)/.test(name)

const checkSpace = (request: UpgradeRequest, context: PlanContext): Check => {
  const margin = context.policy.space.marginMiB * MIB
  const { downloadBytes, diskBytes, unpackedBytes } = request.simulation
  // The restore point keeps what is replaced: all that is unpacked needs room, however little the root grows.
  const need = downloadBytes + Math.max(diskBytes * UNPACK_FACTOR, unpackedBytes, 0) + margin
  if (request.space.pool < need) {
    throw new NoSpaceError(`the upgrade needs ${mib(need)} on the pool; ${mib(request.space.pool)} is free`, {
      next: ['belay prune', 'apt-get clean', 'belay delete ID'],
      data: { where: 'pool', need, free: request.space.pool },
    })
  }
  const touchesBoot = request.simulation.changes.some((change) => isKernelOrBootLoader(change.name))
  const grubNeed = touchesBoot ? Math.ceil(request.space.bootSet * 1.25) + 4 * MIB : MIB
  if (request.space.grubPartition < grubNeed) {
    throw new NoSpaceError(`the upgrade needs ${mib(grubNeed)} on the GRUB partition; ${mib(request.space.grubPartition)} is free`, {
      next: ['belay prune', 'belay delete ID'],
      data: { where: '/boot/grub', need: grubNeed, free: request.space.grubPartition },
    })
  }
  return { name: 'space', detail: `${mib(need)} needed on the pool and ${mib(grubNeed)} on the GRUB partition, and there` }
}

const mib = (bytes: number): string => `${String(Math.ceil(bytes / MIB))} MiB`

const checkPackages = (dpkg: DpkgState): Check => {
  const first = dpkg.problems[0]
  if (first !== undefined) {
    throw new RefusedError(`packages/${first.code}`, dpkg.problems.map((problem) => problem.text).join('; '), {
      next: [...new Set(dpkg.problems.map((problem) => problem.remedy))],
      data: { problems: dpkg.problems },
    })
  }
  return { name: 'packages', detail: 'dpkg has nothing interrupted or broken' }
}

const checkConfirmed = (state: PlanningState): Check => {
  refuseDuringSession(state, 'upgrade')
  if (state.choice.trial !== null) {
    throw new RefusedError('trial', `${state.choice.trial} is on trial and not yet confirmed`, {
      next: ['belay confirm   (when the machine is healthy)', `belay ${state.index.left.length > 0 ? 'forward ' : 'rollback'}  (when it is not)`],
    })
  }
  const running = runningBe(state)
  if (state.choice.good !== running.name) {
    throw new RefusedError('not-confirmed', `${running.name} runs, but GRUB starts ${state.choice.good}: what runs now was picked for one boot`, {
      next: ['belay confirm', 'systemctl reboot'],
    })
  }
  if (state.choice.once !== null)
    throw new RefusedError('once', `${state.choice.once} was chosen for the next boot`, { next: ['systemctl reboot', 'belay confirm'] })
  return { name: 'no trial', detail: `${running.name} is confirmed` }
}

/** The checks that need no simulation, for refusing before apt is asked anything. @throws RefusedError */
export const refuseUpgrade = (state: PlanningState, dpkg: DpkgState): void => {
  checkConfirmed(state)
  checkPackages(dpkg)
}

const titleOf = (simulation: Simulation): string => {
  const kernel = simulation.changes.find((change) => /^linux-image-[0-9]/.test(change.name))
  const notable = simulation.changes.filter((change) => change !== kernel && change.from !== null && change.to !== null && !/^(?:lib|linux-)/.test(change.name))
  const parts = [
    ...(kernel === undefined ? [] : [kernel.name.replace(/^linux-image-/, 'linux ')]),
    ...notable.slice(0, 2).map((change) => `${change.name} ${String(change.to)}`),
  ]
  const more = simulation.changes.length - parts.length
  if (parts.length === 0) return `${String(simulation.changes.length)} packages`
  return `${parts.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`
}

/**
 * Upgrade behind a restore point: take and arm it, let apt work, verify, and put the result on trial. From the first dpkg run on, undo means
 * booting the standby, which is what GRUB starts from the moment it is armed.
 */
export const planUpgrade = (state: PlanningState, request: UpgradeRequest, context: PlanContext): Plan => {
  const checks = [checkConfirmed(state), checkPackages(request.dpkg), ...(request.release?.checks ?? []), checkSpace(request, context)]
  const running = runningBe(state)
  const { release } = request
  const title = release?.name ?? titleOf(request.simulation)
  const numbering = new Numbering(state)
  const raises = raisesDataFormat(state, request)
  const taken = takeGeneration({
    state,
    context,
    numbering,
    be: running,
    reason: { kind: 'before-upgrade', text: `before upgrade to ${title}` },
    withData: request.withData || raises,
    hold: null,
    health: 'confirmed',
    standby: true,
    atomic: request.atomic,
    quiesce: request.quiesce,
  })
  const { standby } = taken
  if (standby === null) throw new Error('an upgrade has a standby')
  const session: Session = {
    operation: 'upgrade',
    phase: 'armed',
    be: running.name,
    fallback: standby,
    generation: taken.id,
    owner: request.owner,
    startedAt: context.now,
    ...(request.bootId === null ? {} : { bootId: request.bootId }),
    text: `before upgrade to ${title}`,
  }
  const armed: BootChoice = { good: standby, trial: null, attemptsLeft: 0, once: null }
  const trial: BootChoice = { good: standby, trial: running.name, attemptsLeft: attemptsOf(context.policy), once: null }
  const applySteps = request.runs.map((run, position): Step => ({
    id: `apply-${String(position + 1)}`,
    kind: 'packages.apply',
    run,
    conffiles: context.policy.packages.conffiles,
    why: `${run.label}: ${run.packages
      .map((change) => change.name)
      .slice(0, 6)
      .join(', ')}${run.packages.length > 6 ? ', …' : ''}`,
  }))
  const firstApply = applySteps[0]
  if (firstApply === undefined) throw new Error('an upgrade has something to apply')
  const upgraded: PlannedChange[] = [
    {
      planned: 'be-upgraded',
      name: running.name,
      bootSet: { step: 'new-boot-set' },
      dataFormat: { step: 'describe-result' },
      before: { bootSet: running.bootSet, dataFormat: running.dataFormat },
      data: state.index.data.filter((data) => data.role === 'data' && running.data.some((use) => use.data === data.name)),
    },
    { planned: 'change', change: { change: 'session', session: { from: session, to: { ...session, phase: 'trial' } } } },
    ...endTrialHealth(state.index),
  ]
  return {
    format: 1,
    id: context.planId,
    operation: 'upgrade',
    madeAt: context.now,
    summary: `${running.name} is upgraded to ${title}; generation ${String(taken.id)} and its ${standby} lead back`,
    basis: basisOf(state),
    checks,
    notices: [
      ...(raises
        ? [`the application’s data format rises to ${request.newDataFormat ?? 'none'}: data joins the restore point, and ${standby} gets a copy of its own`]
        : []),
      ...(request.quiesce === null ? [] : quiesceNotices(request.quiesce)),
      ...(release === null ? [] : [...release.notices, ...removalNotice(request.simulation)]),
      ...(request.simulation.keptBack.length > 0 ? [`kept back by apt: ${request.simulation.keptBack.join(', ')}`] : []),
    ],
    steps: [
      { id: 'download', kind: 'packages.download', runs: request.runs, why: 'download every package before anything is changed' },
      {
        id: 'decide',
        kind: 'packages.decide',
        runs: request.runs,
        generation: taken.id,
        why: 'answer configuration questions by policy, keep the new defaults aside',
      },
      ...taken.steps.map((step): Step => (step.kind === 'generation.describe' ? { ...step, decided: { step: 'decide' } } : step)),
      {
        id: 'record',
        kind: 'index.change',
        changes: [...taken.changes, { planned: 'change', change: { change: 'session', session: { from: null, to: session } } }],
        why: `record generation ${String(taken.id)} and who arms it`,
      },
      { id: 'menu', kind: 'menu.write', choice: armed, why: 'offer it in the boot menu' },
      { id: 'arm', kind: 'choice.write', from: state.choice, to: armed, why: `let GRUB start ${standby} if the power fails from here on` },
      ...sourcesStep(release),
      { id: 'preseed', kind: 'packages.preseed', decided: { step: 'decide' }, why: 'give debconf the answers that policy has' },
      ...applySteps,
      { id: 'verify-packages', kind: 'packages.verify', why: 'check that dpkg left nothing half done' },
      { id: 'grub-cfg', kind: 'grub.ensure', why: 'put belay’s grub.cfg back in place where a package wrote its own' },
      { id: 'new-boot-set', kind: 'boot-set.build', be: running.name, root: rootOf(running), why: 'verify the new kernel and initrd and give them to GRUB' },
      { id: 'describe-result', kind: 'root.describe', why: 'read the versions that are there now' },
      { id: 'record-result', kind: 'index.change', changes: upgraded, why: 'record the trial' },
      { id: 'menu-result', kind: 'menu.write', choice: trial, why: 'bring the boot menu up to date' },
      { id: 'switch', kind: 'choice.write', from: armed, to: trial, why: `put ${running.name} on trial, with ${standby} as its fallback` },
      { id: 'reboot-note', kind: 'reboot.note', text: `belay upgrade to ${title}`, why: 'say whether a reboot is needed' },
    ],
    commit: 'switch',
    escape: {
      from: firstApply.id,
      steps: [
        {
          id: 'record-failure',
          kind: 'index.change',
          changes: [{ planned: 'change', change: { change: 'session', session: { from: session, to: { ...session, phase: 'failed' } } } }],
          why: 'record that the upgrade failed',
        },
        { id: 'grub-cfg-failure', kind: 'grub.ensure', why: 'put belay’s grub.cfg back in place where a package wrote its own' },
        { id: 'menu-failure', kind: 'menu.write', choice: armed, why: 'bring the boot menu up to date' },
        {
          id: 'reboot-note-failure',
          kind: 'reboot.note',
          text: 'belay upgrade failed; the next boot starts the untouched version',
          why: 'say that a reboot is needed',
        },
      ],
    },
  }
}

/** After the restore point, which keeps the sources of before. */
const sourcesStep = (release: ReleaseChange | null): Step[] =>
  release === null || release.sources.length === 0
    ? []
    : [
        {
          id: 'sources',
          kind: 'packages.sources',
          changes: release.sources,
          why: `let apt’s sources name ${release.to.codename}: ${release.sources.map(({ path }) => path).join(', ')}`,
        },
      ]

const rootOf = (be: ReturnType<typeof runningBe>) => {
  const root = be.members.find((member) => member.role === 'root')
  if (root === undefined) throw new Error(`${be.name} has no root`)
  return root.volume
}

/** Whether the present version could not read the data that the upgraded application will write. */
const raisesDataFormat = (state: PlanningState, request: UpgradeRequest): boolean => {
  const running = runningBe(state)
  const usesData = running.data.some((use) => state.index.data.some((data) => data.name === use.data && data.role === 'data'))
  return usesData && !canRead(running.dataFormat, request.newDataFormat)
}
