import type { BootChoice } from '../../boot/boot-choice.ts'
import { BOOT_PARTITION } from '../fstab.ts'
import type { Volume } from '../model.ts'
import { generationName } from '../names.ts'
import { isAtomicSet } from './atomic-set.ts'
import type { Placement } from './not-operating-system.ts'
import type { Plan } from './plan.ts'
import { Numbering, type PlanContext, type PlanningState } from './state.ts'
import type { PlannedChange, PlannedDataUse, Step } from './step.ts'

/** A volume that is mounted already and becomes data where it is. */
export interface AdoptedData {
  readonly path: string
  readonly volume: Volume
  /** Whether the system that was adopted mounts it without a line of fstab. */
  readonly mountsItself: boolean
}

/** What init found. */
export interface InitState {
  readonly driver: 'btrfs' | 'zfs'
  readonly pool: string
  /** Whether the driver takes several members of a pool at one instant. */
  readonly atomic: boolean
  /** The volume mounted as root, and whether it can be cloned: the top level of a btrfs cannot. */
  readonly root: Volume
  readonly occupied: PlanningState['occupied']
  /** The partition at /boot whose kernels move into root; null where they are there already. */
  readonly bootPartition: { readonly source: string; readonly names: readonly string[] } | null
  readonly placements: readonly Placement[]
  readonly adopted: readonly AdoptedData[]
  /** Filesystems of their own that nobody named, by where they are mounted. */
  readonly left: readonly string[]
  readonly config: readonly string[]
  readonly policyText: string
  readonly notices: readonly string[]
}

const idFor = (path: string): string => path.slice(1).replaceAll(/[^A-Za-z0-9]+/g, '-')

/**
 * Adopt a machine: everything that must move does so in a new boot environment, which takes effect at the next boot; the root that
 * runs now is not changed and not destroyed.
 */
export const planInit = (state: InitState, context: PlanContext): Plan => {
  const numbering = new Numbering({ index: { next: { generation: 1, be: 1, data: 1 } } as PlanningState['index'], occupied: state.occupied })
  const be = numbering.be()
  const standby = numbering.be()
  const factory = numbering.generation()
  const carved = state.placements.map((placement) => ({ ...placement, name: numbering.data(), id: `move-${idFor(placement.path)}` }))
  const adopted = state.adopted.map((item) => ({ ...item, name: numbering.data(), id: `adopt-${idFor(item.path)}` }))
  const adoptData = adopted.map((item): Step => ({
    id: item.id,
    kind: 'data.adopt',
    name: item.name,
    volume: item.volume,
    why: `make ${item.volume.locator}, mounted at ${item.path}, data (named by --data)`,
  }))
  const mountByFstab = adopted.map((item): Step => ({
    id: `fstab-${idFor(item.path)}`,
    kind: 'data.mount-by-fstab',
    name: item.name,
    why: `let the fstab of a version alone mount ${item.volume.locator}`,
  }))
  const carveData = carved.map((item): Step => ({
    id: item.id,
    kind: 'data.carve',
    name: item.name,
    be,
    mountpoint: item.path,
    why: `make ${item.path} ${item.role} of its own (${item.why})`,
  }))
  // An outer directory before those inside it.
  const carveConfig = state.config
    .toSorted((a, b) => a.length - b.length)
    .map((mountpoint): Step => ({
      id: `config-${idFor(mountpoint)}`,
      kind: 'config.carve',
      be,
      mountpoint,
      why: `make ${mountpoint} configuration that follows the version`,
    }))
  const moveBoot: Step[] =
    state.bootPartition === null
      ? []
      : [
          { id: 'copy-boot', kind: 'boot.copy', be, why: `copy the kernels from the partition at /boot into the root of ${be}` },
          {
            id: 'bind-grub',
            kind: 'boot.bind',
            be,
            why: `write into the fstab of ${be} that the partition is mounted at ${BOOT_PARTITION}, and its directory grub at /boot/grub`,
          },
        ]
  const uses: PlannedDataUse[] = [...carved, ...adopted].map((item) => ({ mountpoint: item.path, data: item.name, volume: { step: item.id } }))
  const dataUses = uses.map(({ mountpoint, data }) => ({ mountpoint, data }))
  const configMembers = carveConfig.map((step) => ({ step: step.id }))
  const choice: BootChoice = { good: be, trial: null, attemptsLeft: 0, once: null }
  const changes: PlannedChange[] = [
    ...carved.map((item): PlannedChange => ({
      planned: 'add-data',
      draft: { name: item.name, role: item.role, mountpoint: item.path, format: null },
      volume: { step: item.id },
    })),
    ...adopted.map((item): PlannedChange => ({
      planned: 'add-data',
      draft: { name: item.name, role: 'data', mountpoint: item.path, format: null },
      volume: { step: item.id },
    })),
    {
      planned: 'add-be',
      draft: { name: be, createdAt: context.now, origin: null, standsFor: null, data: dataUses, confirmedAt: context.now },
      members: { step: 'clone-root' },
      moreMembers: configMembers,
      bootSet: { step: 'boot-set' },
      dataFormat: { step: 'describe-factory' },
    },
    {
      planned: 'add-generation',
      draft: {
        id: factory,
        createdAt: context.now,
        reason: { kind: 'factory', text: 'as belay found it' },
        parent: null,
        takenFrom: be,
        by: { uid: context.actor.uid, user: context.actor.user },
        atomic: isAtomicSet(
          [state.root, ...state.config.map(() => state.root)].map((volume) => volume.pool),
          state.atomic,
        ),
        health: 'confirmed',
        keep: false,
      },
      members: { step: 'take-factory' },
      description: { step: 'describe-factory' },
      bootSet: { step: 'boot-set' },
      sharesBootSetOf: null,
    },
    {
      planned: 'add-be',
      draft: { name: standby, createdAt: context.now, origin: factory, standsFor: factory, data: dataUses, confirmedAt: null },
      members: { step: 'clone-standby' },
      moreMembers: [],
      bootSet: { step: 'share-boot-set' },
      dataFormat: { step: 'describe-factory' },
    },
    { planned: 'change', change: { change: 'factory', factory: { from: null, to: factory } } },
    {
      planned: 'adopt-data-format',
      names: [...carved.filter((item) => item.role === 'data'), ...adopted].map((item) => item.name),
      dataFormat: { step: 'describe-factory' },
    },
  ]
  return {
    format: 1,
    id: context.planId,
    operation: 'init',
    madeAt: context.now,
    summary: `${be} is what boots next; generation ${String(factory)} is the factory generation`,
    basis: { revision: null, choice: null, running: state.root.locator },
    checks: [
      {
        name: 'layout',
        detail: `${state.driver} root ${state.root.locator}, ${state.bootPartition === null ? 'GRUB partition at /boot/grub' : `${state.bootPartition.source} at /boot becomes the GRUB partition`}`,
      },
    ],
    notices: [
      ...state.notices,
      ...(state.bootPartition === null
        ? []
        : [
            `what is in /boot on ${state.bootPartition.source} (${state.bootPartition.names.join(', ')} and what belongs to them) moves into root: ${be} has copies; the partition keeps what it holds`,
            `from the next boot on the partition is mounted at ${BOOT_PARTITION}, and its directory grub at /boot/grub as well`,
            'the way back: “The system as it was before belay” in the boot menu starts this system with its own kernel',
          ]),
      ...carved.map((item) => `${item.path} becomes ${item.role} (${item.why})`),
      ...adopted.flatMap(({ path, volume: { locator }, mountsItself }) => [
        `${locator}, mounted at ${path}, becomes data where it is: it is neither moved nor copied (named by --data)`,
        ...(mountsItself ? [`the system as it was before belay does not mount ${locator} by itself any more: zfs mount ${locator}`] : []),
      ]),
      ...state.left.map((path) => `${path} is a filesystem of its own: it stays as it is, and is not part of versions`),
      ...state.config.map((path) => `${path} becomes configuration that follows the version`),
      `${state.root.locator}, which runs now, stays as it is; what is written into it before the reboot is not in ${be}`,
    ],
    steps: [
      { id: 'index', kind: 'index.create', pool: state.pool, driver: state.driver, why: 'begin the state index' },
      {
        id: 'clone-root',
        kind: 'be.clone',
        name: be,
        sources: [{ role: 'root', mountpoint: '/', volume: state.root }],
        why: `clone the root that runs now as ${be}`,
      },
      ...moveBoot,
      ...carveData,
      ...carveConfig,
      ...adoptData,
      { id: 'bind-data', kind: 'data.bind', be, uses, why: `write into ${be} which data it uses` },
      { id: 'policy', kind: 'policy.write', be, text: state.policyText, why: 'write /etc/belay/config.yaml' },
      { id: 'boot-set', kind: 'boot-set.build', be, root: { step: 'clone-root' }, why: 'verify the kernel and initrd and give them to GRUB' },
      {
        id: 'take-factory',
        kind: 'generation.take',
        name: generationName(factory),
        sources: { step: 'clone-root' },
        remade: configMembers,
        why: `snapshot ${be} as generation ${String(factory)}`,
      },
      {
        id: 'describe-factory',
        kind: 'generation.describe',
        generation: factory,
        members: { step: 'take-factory' },
        why: 'record which packages and versions it holds',
      },
      { id: 'clone-standby', kind: 'be.clone', name: standby, sources: { step: 'take-factory' }, why: `clone ${standby}, which starts the factory generation` },
      {
        id: 'share-boot-set',
        kind: 'boot-set.share',
        from: be,
        to: standby,
        root: { step: 'clone-standby' },
        why: `give ${standby} a verified kernel and initrd`,
      },
      { id: 'record', kind: 'index.change', changes, why: 'record all of it' },
      { id: 'reserve', kind: 'space.reserve', why: 'hold space back for undo' },
      { id: 'menu', kind: 'menu.write', choice, why: 'write the boot menu' },
      { id: 'switch', kind: 'choice.write', from: null, to: choice, why: `let GRUB start ${be}` },
      { id: 'grub', kind: 'grub.install', why: 'put belay’s static grub.cfg in place, and into GRUB on the disk what starts a version without it' },
      ...mountByFstab,
      { id: 'reboot-note', kind: 'reboot.note', text: `belay init: ${be} takes effect at the next boot`, why: 'say that a reboot is needed' },
    ],
    commit: 'grub',
    escape: null,
  }
}
