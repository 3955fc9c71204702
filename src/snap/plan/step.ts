import type { BootChoice } from '../../boot/boot-choice.ts'
import type { PackageRun } from '../../pkg/packages.ts'
import type { SourceFileChange } from '../../pkg/release/source-change.ts'
import type { Source } from '../driver.ts'
import type { BeDraft, DataDraft, GenerationDraft, IndexChange } from '../index-change.ts'
import type { BootEnvironment, BootSetRecord, DataUse, DataVolume, Hold, Member, Volume } from '../model.ts'
import type { BeName, DataName, GenerationId, GenerationName } from '../names.ts'

/** The result of an earlier step of the same plan, by that step's id. */
export interface FromStep {
  readonly step: string
}

/** A change to the index that may need what an earlier step made. */
export type PlannedChange =
  | { readonly planned: 'change'; readonly change: IndexChange }
  | {
      readonly planned: 'add-generation'
      readonly draft: GenerationDraft
      readonly members: FromStep
      readonly description: FromStep
      readonly bootSet: FromStep | null
      readonly sharesBootSetOf: BootEnvironment['bootSet']
    }
  | {
      readonly planned: 'add-be'
      readonly draft: BeDraft
      readonly members: FromStep
      readonly moreMembers: readonly FromStep[]
      readonly bootSet: FromStep
      readonly dataFormat: FromStep | { readonly value: string | null }
    }
  | { readonly planned: 'add-data'; readonly draft: DataDraft; readonly volume: FromStep }
  | { readonly planned: 'be-members'; readonly name: BeName; readonly from: readonly Member[]; readonly remade: readonly FromStep[] }
  /** The application's data format, as the first one that was seen, for volumes that init made. */
  | { readonly planned: 'adopt-data-format'; readonly names: readonly DataName[]; readonly dataFormat: FromStep }
  /** A boot set that was brought in step with /boot outside an upgrade. */
  | { readonly planned: 'be-boot-set'; readonly name: BeName; readonly from: BootEnvironment['bootSet']; readonly bootSet: FromStep }
  /** After an upgrade: the boot set and data format that the running boot environment has now. */
  | {
      readonly planned: 'be-upgraded'
      readonly name: BeName
      readonly bootSet: FromStep
      readonly dataFormat: FromStep
      readonly before: Pick<BootEnvironment, 'bootSet' | 'dataFormat'>
      readonly data: readonly DataVolume[]
    }

/** A data volume of a boot environment: one that exists, or a copy that an earlier step makes. */
export type PlannedDataUse = DataUse & { readonly volume: Volume | FromStep }

/** What the description of a generation tells of units that did not run while it was taken. */
export interface PlannedQuiesce {
  readonly units: readonly string[]
  readonly idle: readonly string[]
  /** The step that started them again; null where none had to be stopped. */
  readonly started: FromStep | null
}

export type StepAction =
  | { readonly kind: 'generation.take'; readonly name: GenerationName; readonly sources: readonly Source[] | FromStep; readonly remade: readonly FromStep[] }
  | {
      readonly kind: 'generation.describe'
      readonly generation: GenerationId
      readonly members: FromStep
      readonly decided?: FromStep
      readonly quiesced?: PlannedQuiesce
    }
  | { readonly kind: 'generation.hold'; readonly name: GenerationName; readonly from: Hold | null; readonly to: Hold | null }
  | { readonly kind: 'generation.destroy'; readonly name: GenerationName; readonly generation: GenerationId }
  | { readonly kind: 'be.clone'; readonly name: BeName; readonly sources: readonly Source[] | FromStep }
  | { readonly kind: 'be.destroy'; readonly name: BeName }
  | { readonly kind: 'data.clone'; readonly name: DataName; readonly from: Volume }
  | { readonly kind: 'data.carve'; readonly name: DataName; readonly be: BeName; readonly mountpoint: string }
  /** Somebody's volume, which stays where it is. */
  | { readonly kind: 'data.adopt'; readonly name: DataName; readonly volume: Volume }
  /** Behind the commit point: until then the system that was adopted mounts its data as ever. */
  | { readonly kind: 'data.mount-by-fstab'; readonly name: DataName }
  | { readonly kind: 'data.bind'; readonly be: BeName; readonly uses: readonly PlannedDataUse[] }
  /** Files that are the machine's own, from the root that runs; what they replace is kept under the plan's id until they are in force. */
  | { readonly kind: 'identity.carry'; readonly be: BeName; readonly paths: readonly string[]; readonly plan: string }
  | { readonly kind: 'data.destroy'; readonly name: DataName }
  | { readonly kind: 'config.carve'; readonly be: BeName; readonly mountpoint: string }
  | { readonly kind: 'boot.copy'; readonly be: BeName }
  | { readonly kind: 'boot.bind'; readonly be: BeName }
  | { readonly kind: 'boot-set.build'; readonly be: BeName; readonly root: Volume | FromStep }
  | { readonly kind: 'boot-set.share'; readonly from: BeName; readonly to: BeName; readonly root: Volume | FromStep; readonly expected?: BootSetRecord | null }
  | { readonly kind: 'boot-set.remove'; readonly be: BeName }
  | { readonly kind: 'index.create'; readonly pool: string; readonly driver: 'btrfs' | 'zfs' }
  | { readonly kind: 'index.change'; readonly changes: readonly PlannedChange[] }
  /** Forget what was let go and is gone; what is still there stays recorded. */
  | { readonly kind: 'remains.settle' }
  | { readonly kind: 'menu.write'; readonly choice: BootChoice }
  | { readonly kind: 'choice.write'; readonly from: BootChoice | null; readonly to: BootChoice }
  | { readonly kind: 'grub.install' }
  | { readonly kind: 'grub.ensure' }
  | { readonly kind: 'policy.write'; readonly be: BeName; readonly text: string }
  | { readonly kind: 'space.reserve' }
  | { readonly kind: 'packages.download'; readonly runs: readonly PackageRun[] }
  | { readonly kind: 'packages.decide'; readonly runs: readonly PackageRun[]; readonly generation: GenerationId }
  | { readonly kind: 'packages.sources'; readonly changes: readonly SourceFileChange[] }
  | { readonly kind: 'packages.preseed'; readonly decided: FromStep }
  | { readonly kind: 'packages.apply'; readonly run: PackageRun; readonly conffiles: 'keep' | 'new' }
  | { readonly kind: 'packages.verify' }
  | { readonly kind: 'root.describe' }
  /** Units that run when the plan is made; undo starts them in the same boot of the machine, because a later one has started what belongs to it. */
  | { readonly kind: 'units.stop'; readonly units: readonly string[]; readonly bootId: string }
  | { readonly kind: 'units.start'; readonly units: readonly string[]; readonly stopped: FromStep }
  | { readonly kind: 'reboot.note'; readonly text: string }

export type StepKind = StepAction['kind']

/** One step of a plan. */
export type Step = StepAction & {
  /** Unique in its plan; also the name of its fault points. */
  readonly id: string
  /** One line for people: what this is for. */
  readonly why: string
}

export type StepOf<Kind extends StepKind> = Extract<Step, { readonly kind: Kind }>
