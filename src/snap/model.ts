import { z } from 'zod'
import { BeName, DataName, GenerationId } from './names.ts'

/**
 * The records of the state index. Every object is loose and every enumeration is open: a newer belay may have written fields and
 * words that this one does not know, and a rollback must neither fail on them nor lose them (docs/adr/0005-state-format.md).
 */

/** An enumeration that accepts words from the future; code branches on the known ones and leaves the rest alone. */
const open = <const Words extends readonly [string, ...string[]]>(words: Words) => z.enum(words).or(z.string())

/** What a filesystem is to belay (docs/glossary.md). */
const Role = open(['root', 'config', 'data', 'state', 'log'])

const AbsolutePath = z.string().regex(/^\/(?:[^/\0\n]+(?:\/[^/\0\n]+)*)?$/, 'must be an absolute path without a slash at its end')

/** One filesystem in the pool: a ZFS dataset or snapshot, or a btrfs subvolume. Identity is guid and pool; the locator is only where it was last seen. */
export const Volume = z.looseObject({
  pool: z.string().min(1),
  guid: z.string().min(1),
  locator: z.string().min(1),
})
export type Volume = z.infer<typeof Volume>

/** A filesystem with the part that it plays: mounted at `mountpoint` inside its boot environment. */
export const Member = z.looseObject({ role: Role, mountpoint: AbsolutePath, volume: Volume })
export type Member = z.infer<typeof Member>

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const BootFile = z.looseObject({ sha256: Sha256, bytes: z.int().nonnegative() })

/** What was verified of a kernel and its initrd before they were offered for boot. */
export const BootSetRecord = z.looseObject({
  kernelVersion: z.string().min(1),
  vmlinuz: BootFile,
  initrd: BootFile,
  /** ISO time of the verification. */
  verifiedAt: z.string(),
})
export type BootSetRecord = z.infer<typeof BootSetRecord>

const ReasonKind = open(['factory', 'manual', 'before-upgrade', 'after-upgrade', 'before-rollback', 'before-forward'])

/** The short list of facts that `list` shows without opening the manifest. */
export const PackageSummary = z.looseObject({
  count: z.int().nonnegative(),
  /** SHA-256 over the sorted `name arch version` lines. */
  digest: Sha256,
  /** Versions of the packages that policy calls important (kernel, boot loader, application), by package name. */
  important: z.record(z.string(), z.string()),
})
export type PackageSummary = z.infer<typeof PackageSummary>

/** A numbered, immutable restore point. */
/** Who wants a generation to stay, and how long. */
export const Hold = z.looseObject({
  /** A person, an office or a program. */
  owner: z.string().min(1),
  /** Last day on which it holds, in UTC (`2027-01-31`); null for good. */
  until: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/)
    .nullable(),
})
export type Hold = z.infer<typeof Hold>

export const Generation = z.looseObject({
  id: GenerationId,
  createdAt: z.string(),
  reason: z.looseObject({ kind: ReasonKind, text: z.string() }),
  /** The generation that the boot environment it was taken from descends from. */
  parent: GenerationId.nullable(),
  takenFrom: BeName,
  by: z.looseObject({ uid: z.int(), user: z.string() }),
  /** Whether all members are of the same instant: true on ZFS within a pool, false on btrfs with more than one member. */
  atomic: z.boolean(),
  members: z.array(Member).min(1),
  packages: PackageSummary,
  bootSet: BootSetRecord.nullable(),
  dataFormat: z.string().nullable(),
  health: open(['unknown', 'confirmed', 'failed']),
  keep: z.boolean(),
  /** Of a kept one: who asked for it. One that was kept by a belay before holds has none. */
  hold: Hold.exactOptional(),
})
export type Generation = z.infer<typeof Generation>

/** A data volume that a boot environment uses. */
export const DataUse = z.looseObject({ mountpoint: AbsolutePath, data: DataName })
export type DataUse = z.infer<typeof DataUse>

/** A writable root with its config, and the record of which data it uses. */
export const BootEnvironment = z.looseObject({
  name: BeName,
  createdAt: z.string(),
  /** The generation that it was cloned from; null for the one that init adopted. */
  origin: GenerationId.nullable(),
  /** The generation that it stands for: unchanged since it was cloned, or left there by a rollback; null while it is the one in use. */
  standsFor: GenerationId.nullable(),
  /** The generation that it stood for when it was started: while it still stands for it, it may hold more than that does. */
  startedAs: GenerationId.nullable().exactOptional(),
  members: z.array(Member).min(1),
  data: z.array(DataUse),
  bootSet: BootSetRecord.nullable(),
  dataFormat: z.string().nullable(),
  confirmedAt: z.string().nullable(),
  /** ISO time at which it was found torn: its packages were being changed when its upgrade was cut or failed. It is never started again. */
  tornAt: z.string().exactOptional(),
})
export type BootEnvironment = z.infer<typeof BootEnvironment>

/** A data or log volume beside the boot environments. */
export const DataVolume = z.looseObject({
  name: DataName,
  role: open(['data', 'log']),
  mountpoint: AbsolutePath,
  volume: Volume,
  /** The highest application data format that was written into it; null when the application has none. */
  format: z.string().nullable(),
  /** The generation whose data it was cloned from; not there for what the customer's data has been in all along. */
  copyOf: GenerationId.exactOptional(),
})
export type DataVolume = z.infer<typeof DataVolume>

/** An upgrade that runs, or that waits for its trial to end. */
export const Session = z.looseObject({
  operation: z.string(),
  phase: open(['armed', 'trial', 'failed']),
  be: BeName,
  fallback: BeName,
  generation: GenerationId,
  /** The process that changes packages; `until` says what ends with its work where that is not the process itself. */
  owner: z.looseObject({ pid: z.int(), startTime: z.string(), until: open(['process', 'lock']).exactOptional() }),
  startedAt: z.string(),
  /** The boot of the machine in which it began, as the kernel names it; a later one has started its result. */
  bootId: z.string().exactOptional(),
  text: z.string(),
})
export type Session = z.infer<typeof Session>

/** A boot of the machine that belay noticed: which boot environment came up. */
export const LastStart = z.looseObject({
  be: BeName,
  at: z.string(),
  /** As the kernel names that boot; null for an appliance that was only mounted. */
  bootId: z.string().nullable(),
  /** Why, in a word of operations/explain-running.ts. */
  why: z.string(),
})
export type LastStart = z.infer<typeof LastStart>

/** Something that was let go and is to be destroyed: nothing offers it any more, and it stays here until it is gone. */
export const Remain = z.looseObject({ kind: open(['generation', 'be', 'data']), name: z.string(), since: z.string() })
export type Remain = z.infer<typeof Remain>
/** Something that a check of health found wrong. */
export const HealthFault = z.looseObject({
  /** Which check, in a word of operations/health/check-health.ts. */
  check: z.string(),
  text: z.string(),
  /** The last that a unit or a program wrote. */
  lines: z.array(z.string()),
})
export type HealthFault = z.infer<typeof HealthFault>

/** How the trial goes that is under way, or how the last one failed. */
export const TrialHealth = z.looseObject({
  be: BeName,
  at: z.string(),
  /** The boot that was judged last, as the kernel names it. */
  bootId: z.string().nullable(),
  /** In a row, the last one judged included. */
  healthyBoots: z.int().nonnegative(),
  /** Why it failed; none while it goes well. */
  faults: z.array(HealthFault),
  /** Boots since the last healthy one that were ended in order before they were judged, and counted for nothing. */
  orderlyEnds: z.int().nonnegative().exactOptional(),
  /** The machine fell back from it, and nobody knows why its boots ended. */
  fellBack: z.boolean().exactOptional(),
  /** Of a failed one: since when what was written in its root is not in its fallback. */
  since: z.string().nullable(),
  /** Of a failed one: where its data is not that of its fallback. */
  dataLeft: z.array(AbsolutePath),
})
export type TrialHealth = z.infer<typeof TrialHealth>

/** What was wrong with a boot that was no trial. */
export const BootHealth = z.looseObject({ be: BeName, at: z.string(), bootId: z.string().nullable(), faults: z.array(HealthFault) })
export type BootHealth = z.infer<typeof BootHealth>

/** All that belay knows of an appliance, except what boots next: that is the env block's alone. */
export const Index = z.looseObject({
  format: z.looseObject({ major: z.int(), minor: z.int() }),
  /** Raised by one with every write: the basis of plans. */
  revision: z.int().nonnegative(),
  driver: open(['btrfs', 'zfs']),
  pool: z.string().min(1),
  next: z.looseObject({ generation: z.int().min(1), be: z.int().min(1), data: z.int().min(1) }),
  factory: GenerationId.nullable(),
  /** Generations that rollbacks left behind, oldest first: `forward` without a number goes to the last one. */
  left: z.array(GenerationId),
  session: Session.nullable(),
  lastStart: LastStart.nullable().exactOptional(),
  trialHealth: TrialHealth.nullable().exactOptional(),
  bootHealth: BootHealth.nullable().exactOptional(),
  /** Units that had failed in the last boot of a confirmed version; without it nobody knows which failures are new. */
  knownFaults: z.array(z.string()).exactOptional(),
  generations: z.array(Generation),
  bootEnvironments: z.array(BootEnvironment),
  data: z.array(DataVolume),
  remains: z.array(Remain).exactOptional(),
})
export type Index = z.infer<typeof Index>

/** The version of the state format that this belay writes. */
export const INDEX_FORMAT = { major: 1, minor: 1 } as const
