import { z } from 'zod'
import { BootChoice } from '../../boot/boot-choice.ts'
import {
  BootEnvironment,
  BootHealth,
  BootSetRecord,
  DataUse,
  DataVolume,
  Generation,
  HealthFault,
  Hold,
  LastStart,
  Member,
  Remain,
  Session,
  TrialHealth,
  Volume,
} from '../model.ts'
import { BeName, DataName, GenerationId, GenerationName } from '../names.ts'
import type { Plan } from './plan.ts'
import { type PlannedChange, type Step, type StepKind, type StepOf } from './step.ts'

/**
 * The schema of plans that come back from a journal. A journal lies in the appliance's own state, which may be an image of somebody's: no name and no path in it
 * may lead out of belay's directories. Objects are loose, so that fields of a newer belay are kept; kinds are closed, because an unknown step cannot be undone.
 */
const MountPoint = z
  .string()
  .regex(/^\/(?:[^/\0\n]+(?:\/[^/\0\n]+)*)?$/, 'must be an absolute path without a slash at its end')
  .refine((path) => !path.split('/').some((part) => part === '..' || part === '.'), 'must not lead out of its root')

const FromStep = z.looseObject({ step: z.string() })
const VolumeOrStep = z.union([FromStep, Volume])
const PlacedMember = Member.extend({ mountpoint: MountPoint })
const Members = z.array(PlacedMember)
const Use = DataUse.extend({ mountpoint: MountPoint })
const PlacedData = DataVolume.extend({ mountpoint: MountPoint })
const PlacedGeneration = Generation.extend({ members: Members.min(1) })
const PlacedBe = BootEnvironment.extend({ members: Members.min(1), data: z.array(Use) })
const MaybeBootSet = BootSetRecord.nullable()
const Text = z.string().nullable()
const Sources = z.union([FromStep, z.array(z.looseObject({ role: z.enum(['root', 'config', 'data']), mountpoint: MountPoint, volume: Volume }))])

const updateOf = <Value extends z.ZodType>(value: Value) => z.looseObject({ from: value, to: value })

const Change = z.discriminatedUnion('change', [
  z.looseObject({ change: z.literal('add-generation'), record: PlacedGeneration }),
  z.looseObject({ change: z.literal('remove-generation'), id: GenerationId }),
  z.looseObject({ change: z.literal('keep-generation'), id: GenerationId, keep: updateOf(z.boolean()), hold: updateOf(Hold.nullable()).exactOptional() }),
  z.looseObject({ change: z.literal('generation-health'), id: GenerationId, health: updateOf(z.string()) }),
  z.looseObject({ change: z.literal('add-be'), record: PlacedBe }),
  z.looseObject({ change: z.literal('remove-be'), name: BeName }),
  z.looseObject({ change: z.literal('be-stands-for'), name: BeName, standsFor: updateOf(GenerationId.nullable()) }),
  z.looseObject({ change: z.literal('be-started'), name: BeName, startedAs: updateOf(GenerationId.nullable()) }),
  z.looseObject({ change: z.literal('be-confirmed'), name: BeName, confirmedAt: updateOf(Text) }),
  z.looseObject({ change: z.literal('be-torn'), name: BeName, tornAt: updateOf(Text) }),
  z.looseObject({ change: z.literal('be-members'), name: BeName, members: updateOf(Members) }),
  z.looseObject({ change: z.literal('be-boot-set'), name: BeName, bootSet: updateOf(MaybeBootSet) }),
  z.looseObject({ change: z.literal('be-data-format'), name: BeName, dataFormat: updateOf(Text) }),
  z.looseObject({ change: z.literal('add-data'), record: PlacedData }),
  z.looseObject({ change: z.literal('remove-data'), name: DataName }),
  z.looseObject({ change: z.literal('data-format'), name: DataName, format: updateOf(Text) }),
  z.looseObject({ change: z.literal('left'), left: updateOf(z.array(GenerationId)) }),
  z.looseObject({ change: z.literal('factory'), factory: updateOf(GenerationId.nullable()) }),
  z.looseObject({ change: z.literal('session'), session: updateOf(Session.nullable()) }),
  z.looseObject({ change: z.literal('last-start'), lastStart: updateOf(LastStart.nullable()) }),
  z.looseObject({ change: z.literal('remains'), remains: updateOf(z.array(Remain)) }),
  z.looseObject({ change: z.literal('trial-health'), trialHealth: updateOf(TrialHealth.nullable()) }),
  z.looseObject({ change: z.literal('boot-health'), bootHealth: updateOf(BootHealth.nullable()) }),
  z.looseObject({ change: z.literal('known-faults'), knownFaults: updateOf(z.array(z.string())) }),
])

const Planned = z.discriminatedUnion('planned', [
  z.looseObject({ planned: z.literal('change'), change: Change }),
  z.looseObject({
    planned: z.literal('add-generation'),
    draft: Generation.omit({ members: true, packages: true, bootSet: true, dataFormat: true }),
    members: FromStep,
    description: FromStep,
    bootSet: FromStep.nullable(),
    sharesBootSetOf: MaybeBootSet,
  }),
  z.looseObject({
    planned: z.literal('add-be'),
    draft: BootEnvironment.omit({ members: true, bootSet: true, dataFormat: true }).extend({ data: z.array(Use) }),
    members: FromStep,
    moreMembers: z.array(FromStep),
    bootSet: FromStep,
    dataFormat: z.union([FromStep, z.looseObject({ value: Text })]),
  }),
  z.looseObject({ planned: z.literal('add-data'), draft: PlacedData.omit({ volume: true }), volume: FromStep }),
  z.looseObject({ planned: z.literal('be-members'), name: BeName, from: Members, remade: z.array(FromStep) }),
  z.looseObject({ planned: z.literal('adopt-data-format'), names: z.array(DataName), dataFormat: FromStep }),
  z.looseObject({ planned: z.literal('be-boot-set'), name: BeName, from: MaybeBootSet, bootSet: FromStep }),
  z.looseObject({
    planned: z.literal('be-upgraded'),
    name: BeName,
    bootSet: FromStep,
    dataFormat: FromStep,
    before: z.looseObject({ bootSet: MaybeBootSet, dataFormat: Text }),
    data: z.array(PlacedData),
  }),
]) satisfies z.ZodType<PlannedChange>

/** What becomes an argument of apt must not look like an option. */
const PackageWord = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+:~_-]*$/, 'must be the name, architecture or version of a package')
const PackageRun = z.looseObject({
  label: z.string(),
  packages: z.array(
    z.looseObject({
      name: PackageWord,
      arch: PackageWord,
      from: PackageWord.nullable(),
      to: PackageWord.nullable(),
      action: z.enum(['install', 'upgrade', 'downgrade', 'remove', 'reinstall']),
      automatic: z.boolean().exactOptional(),
    }),
  ),
})

/** Behind `--` of systemctl nothing is an option; what would be a pattern to it is refused. */
const UnitNames = z.array(z.string().regex(/^[A-Za-z0-9:_.\\@-]{1,255}$/, 'must be the name of a unit'))

/** Only files of apt's sources, and only words of theirs. */
const SourceWord = z.string().regex(/^[^\s\0]+$/, 'must be a word')
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const SourceChange = z.looseObject({
  path: z.string().regex(/^\/etc\/apt\/sources\.list(?:\.d\/[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(?:list|sources))?$/, 'must be a file of apt’s sources'),
  before: Sha256,
  after: Sha256,
  words: z.array(z.looseObject({ at: z.int().nonnegative(), from: SourceWord, to: SourceWord })),
})

const stepOf = <Kind extends StepKind, Shape extends z.ZodRawShape>(kind: Kind, shape: Shape) =>
  z.looseObject({ id: z.string().min(1), why: z.string(), kind: z.literal(kind), ...shape })

const STEPS = {
  'generation.take': stepOf('generation.take', { name: GenerationName, sources: Sources, remade: z.array(FromStep) }),
  'generation.describe': stepOf('generation.describe', {
    generation: GenerationId,
    members: FromStep,
    decided: FromStep.exactOptional(),
    quiesced: z.looseObject({ units: UnitNames, idle: UnitNames, started: FromStep.nullable() }).exactOptional(),
  }),
  'generation.hold': stepOf('generation.hold', { name: GenerationName, from: Hold.nullable(), to: Hold.nullable() }),
  'generation.destroy': stepOf('generation.destroy', { name: GenerationName, generation: GenerationId }),
  'be.clone': stepOf('be.clone', { name: BeName, sources: Sources }),
  'be.destroy': stepOf('be.destroy', { name: BeName }),
  'data.clone': stepOf('data.clone', { name: DataName, from: Volume }),
  'data.carve': stepOf('data.carve', { name: DataName, be: BeName, mountpoint: MountPoint }),
  'data.adopt': stepOf('data.adopt', { name: DataName, volume: Volume }),
  'data.mount-by-fstab': stepOf('data.mount-by-fstab', { name: DataName }),
  'data.bind': stepOf('data.bind', { be: BeName, uses: z.array(Use.extend({ volume: VolumeOrStep })) }),
  'identity.carry': stepOf('identity.carry', { be: BeName, paths: z.array(MountPoint), plan: z.string().regex(/^[A-Za-z0-9-]+$/, 'must be the id of a plan') }),
  'data.destroy': stepOf('data.destroy', { name: DataName }),
  'config.carve': stepOf('config.carve', { be: BeName, mountpoint: MountPoint }),
  'boot.copy': stepOf('boot.copy', { be: BeName }),
  'boot.bind': stepOf('boot.bind', { be: BeName }),
  'boot-set.build': stepOf('boot-set.build', { be: BeName, root: VolumeOrStep }),
  'boot-set.share': stepOf('boot-set.share', { from: BeName, to: BeName, root: VolumeOrStep, expected: MaybeBootSet.exactOptional() }),
  'boot-set.remove': stepOf('boot-set.remove', { be: BeName }),
  'index.create': stepOf('index.create', { pool: z.string().min(1), driver: z.enum(['btrfs', 'zfs']) }),
  'index.change': stepOf('index.change', { changes: z.array(Planned) }),
  'remains.settle': stepOf('remains.settle', {}),
  'menu.write': stepOf('menu.write', { choice: BootChoice }),
  'choice.write': stepOf('choice.write', { from: BootChoice.nullable(), to: BootChoice }),
  'grub.install': stepOf('grub.install', {}),
  'grub.ensure': stepOf('grub.ensure', {}),
  'policy.write': stepOf('policy.write', { be: BeName, text: z.string() }),
  'space.reserve': stepOf('space.reserve', {}),
  'packages.download': stepOf('packages.download', { runs: z.array(PackageRun) }),
  'packages.decide': stepOf('packages.decide', { runs: z.array(PackageRun), generation: GenerationId }),
  'packages.sources': stepOf('packages.sources', { changes: z.array(SourceChange) }),
  'packages.preseed': stepOf('packages.preseed', { decided: FromStep }),
  'packages.apply': stepOf('packages.apply', { run: PackageRun, conffiles: z.enum(['keep', 'new']) }),
  'packages.verify': stepOf('packages.verify', {}),
  'root.describe': stepOf('root.describe', {}),
  'units.stop': stepOf('units.stop', { units: UnitNames.min(1), bootId: z.string() }),
  'units.start': stepOf('units.start', { units: UnitNames.min(1), stopped: FromStep }),
  'reboot.note': stepOf('reboot.note', { text: z.string() }),
} satisfies { readonly [Kind in StepKind]: z.ZodType<StepOf<Kind>> }

const Kind = z.looseObject({ kind: z.enum(Object.keys(STEPS) as [StepKind, ...StepKind[]]) })

const AnyStep = z.unknown().transform((value, context): Step => {
  const known = Kind.safeParse(value)
  const result = known.success ? STEPS[known.data.kind].safeParse(value) : known
  if (result.success && 'id' in result.data) return result.data
  for (const issue of result.error?.issues ?? []) context.issues.push({ code: 'custom', message: issue.message, path: issue.path, input: value })
  return z.NEVER
})

const Steps = z.array(AnyStep)

/** A plan of the format that this belay makes; its commit point and its escape are among its steps. */
export const PlanSchema = z
  .looseObject({
    format: z.literal(1),
    id: z.string().min(1),
    operation: z.string(),
    madeAt: z.string(),
    summary: z.string(),
    basis: z.looseObject({ revision: z.int().nullable(), choice: BootChoice.nullable(), running: z.string() }),
    checks: z.array(z.looseObject({ name: z.string(), detail: z.string() })),
    notices: z.array(z.string()),
    leavesBehind: z
      .array(
        z.looseObject({
          path: MountPoint,
          role: z.enum(['data', 'root']),
          be: BeName,
          volume: z.string(),
          since: z.string(),
          hours: z.number(),
          wayBack: Text,
        }),
      )
      .exactOptional(),
    retention: z
      .array(
        z.looseObject({
          generation: z.int().nullable(),
          be: Text,
          goes: z.boolean(),
          code: z.string(),
          why: z.string(),
          bytes: z.number().nullable(),
        }),
      )
      .exactOptional(),
    faults: z.array(HealthFault).exactOptional(),
    steps: Steps,
    commit: z.string().nullable(),
    escape: z.looseObject({ from: z.string(), resume: z.string().exactOptional(), steps: Steps }).nullable(),
  })
  .refine(
    ({ steps, commit, escape }) => [commit, escape?.from ?? null, escape?.resume ?? null].every((id) => id === null || steps.some((step) => step.id === id)),
    'commit and escape must be among the steps',
  ) satisfies z.ZodType<Plan>
