import type { BootChoice } from '../boot/boot-choice.ts'
import type { RootFilesystem } from '../boot/kernel-arguments.ts'
import type { BootSetRecord, Index } from './model.ts'
import type { BeName } from './names.ts'

/** What belay keeps on the GRUB partition, in the words of the index. Every write is visible to GRUB on return. */
export interface BootFiles {
  /** Where files are replaced as a whole, apart from the boot sets. */
  readonly directories: readonly string[]
  /** Null with the reasons when the env block is lost or holds junk. */
  readChoice(): Promise<{ readonly choice: BootChoice | null; readonly problems: readonly string[] }>
  /** The one write that switches versions. */
  writeChoice(choice: BootChoice): Promise<void>
  /** A boot environment came up: that another one's trial was ended by a reboot is forgotten, so that it can be ended again. */
  forgetEndedTrial(running: BeName): Promise<void>
  /** Take the env block away again: only init's undo does that. */
  forgetChoice(): Promise<void>
  writeMenu(index: Index, choice: BootChoice): Promise<void>
  /** What GRUB starts without an env block, as the menu says; null when it does not. */
  confirmedInMenu(): Promise<BeName | null>
  isMenuCurrent(index: Index, choice: BootChoice): Promise<boolean>

  /** Copy what a partition at /boot holds, but for GRUB's directory, into the /boot of a root that is not in use. @throws RefusedError `boot-set/source-changed` */
  copyBoot(from: string, to: string): Promise<void>
  /** Verify the newest kernel in a root's /boot and give it to GRUB; unverified sets leave the old one in place. @throws RefusedError `boot-set/…` */
  buildBootSet(be: BeName, rootDirectory: string, root: RootFilesystem): Promise<BootSetRecord>
  /** The same verified files for another boot environment, by hard links. */
  shareBootSet(from: BeName, to: BeName, root: RootFilesystem): Promise<BootSetRecord>
  /** What a boot environment's set holds; null when it has none that can be read. */
  recordOf(be: BeName): Promise<BootSetRecord | null>
  /** Features of ZFS pools that its kernel can read; null when that is not known, or its root is not on ZFS. */
  poolFeaturesOf(be: BeName): Promise<readonly string[] | null>
  removeBootSet(be: BeName): Promise<void>
  /** Remove what an interrupted change left of boot sets. */
  removeOrphans(): Promise<void>
  /** Whether the boot set is what the root's /boot would give now; cheap. */
  isInStep(be: BeName, rootDirectory: string, root: RootFilesystem): Promise<boolean>
  /** Faults of a boot set in words, none when it is sound; thorough reads and hashes it all. */
  faultsOf(be: BeName, thorough: boolean): Promise<readonly string[]>
  bootSets(): Promise<readonly BeName[]>

  /** Put the static grub.cfg in place; what was there is kept beside it. */
  installGrubCfg(): Promise<void>
  restoreGrubCfg(): Promise<void>
  isGrubCfgOurs(): Promise<boolean>
  space(): Promise<{ readonly free: number; readonly total: number }>
  /** Where the filesystem is mounted, when it is mounted read-only; null when it can be written. */
  readOnlyAt(): Promise<string | null>
  makeReserve(bytes: number): Promise<void>
  /** Bytes that are held back now. */
  reserved(): Promise<number>
  releaseReserve(): Promise<void>
}
