import { posix } from 'node:path'
import { NotFoundError } from '../errors.ts'
import { BeName } from '../snap/names.ts'
import type { Files, Settler } from '../sys/ports.ts'
import type { BootChoice } from './boot-choice.ts'
import { ENV_BLOCK_BYTES, formatEnvBlock, parseEnvBlock, type ParsedEnvBlock } from './env-block.ts'
import { bootEnvironmentPath, BOOT_SET_FILES, GRUB_MOUNTPOINT, LAYOUT } from './grub-partition-layout.ts'
import type { GrubFiles } from './next-boot-from-files.ts'

/** What belay reads and writes on the partition under names that never change. */
export const FIXED_PATHS: readonly string[] = Object.values(LAYOUT)

/** One logical change of what boots. What is left out stays as it is. */
export interface GrubPartitionChange {
  readonly choice?: BootChoice
  /** Text of the menu fragment. */
  readonly fragment?: string
  /** Text of grub.cfg and of its copy. */
  readonly grubCfg?: string
}

/** The files on the GRUB partition that decide what boots. */
export class GrubPartition {
  readonly mountpoint: string
  readonly #files: Files
  readonly #settler: Settler

  constructor(options: { readonly files: Files; readonly settler: Settler; readonly mountpoint?: string }) {
    this.#files = options.files
    this.#settler = options.settler
    this.mountpoint = options.mountpoint ?? GRUB_MOUNTPOINT
  }

  /** Absolute path of something on the partition. */
  path(relative: string): string {
    return posix.join(this.mountpoint, relative)
  }

  /** What the env block says; a missing one is a problem in the answer, not an error. */
  async readEnv(): Promise<ParsedEnvBlock> {
    const bytes = await nullWhenMissing(this.#files.readBytes(this.path(LAYOUT.env)))
    return bytes === null ? { choice: null, others: new Map(), problems: ['the env block is missing'] } : parseEnvBlock(bytes)
  }

  /** Everything that `whatBoots` looks at, except which boot sets are damaged. */
  async readFiles(): Promise<GrubFiles> {
    const names = (await nullWhenMissing(this.#files.list(this.path(LAYOUT.bootEnvironments)))) ?? []
    const entries = new Map<BeName, string | null>()
    for (const name of names) {
      const be = BeName.safeParse(name)
      if (be.success) entries.set(be.data, await nullWhenMissing(this.#files.readText(this.path(`${bootEnvironmentPath(be.data)}/${BOOT_SET_FILES.entry}`))))
    }
    return {
      env: await nullWhenMissing(this.#files.readBytes(this.path(LAYOUT.env))),
      fragment: await nullWhenMissing(this.#files.readText(this.path(LAYOUT.fragment))),
      entries,
    }
  }

  /**
   * Carries out a change, durable for GRUB on return. Files come first and are settled before the env block names what is in them; the env block
   * itself is overwritten where it lies, which GRUB sees at once unless the filesystem journals data.
   * Returns the names of foreign variables of the env block for which there was no room.
   */
  async change({ choice, fragment, grubCfg }: GrubPartitionChange): Promise<{ readonly dropped: readonly string[] }> {
    if (fragment !== undefined) await this.#files.writeAtomic(this.path(LAYOUT.fragment), fragment)
    if (grubCfg !== undefined) for (const path of [LAYOUT.grubCfgCopy, LAYOUT.grubCfg]) await this.#files.writeAtomic(this.path(path), grubCfg)
    if (fragment !== undefined || grubCfg !== undefined) await this.settle()
    return choice === undefined ? { dropped: [] } : { dropped: await this.#writeChoice(choice) }
  }

  /** Makes all that was written to the partition visible to GRUB. */
  async settle(): Promise<void> {
    await this.#settler.settle(this.mountpoint)
  }

  /** Makes the directories that belay writes into. */
  async prepare(): Promise<void> {
    for (const directory of [LAYOUT.directory, LAYOUT.bootEnvironments, LAYOUT.sets]) await this.#files.makeDirectory(this.path(directory), 0o755)
  }

  /**
   * Keeps bytes back that an undo may need.
   * @throws NoSpaceError when they are not there.
   */
  async makeReserve(bytes: number): Promise<void> {
    if ((await this.reserved()) !== bytes) await this.#files.preallocate(this.path(LAYOUT.reserve), bytes)
  }

  /** Bytes that are held back now. */
  async reserved(): Promise<number> {
    return (await this.#files.stat(this.path(LAYOUT.reserve)))?.size ?? 0
  }

  async releaseReserve(): Promise<void> {
    await this.#files.remove(this.path(LAYOUT.reserve))
  }

  /** Forget whose trial was ended by a reboot, unless that is what runs. */
  async forgetEndedTrial(running: BeName): Promise<void> {
    const ended = await nullWhenMissing(this.#files.readText(this.path(LAYOUT.trialEnded)))
    if (ended !== null && ended.trim() !== running) await this.#files.remove(this.path(LAYOUT.trialEnded))
  }

  async #writeChoice(choice: BootChoice): Promise<readonly string[]> {
    const path = this.path(LAYOUT.env)
    const { others } = await this.readEnv()
    const { bytes, dropped } = formatEnvBlock(choice, others)
    const existing = await this.#files.stat(path)
    // Only a block of the right size has its one disk block for GRUB's save_env; a torn one is made anew.
    if (existing?.kind === 'file' && existing.size === ENV_BLOCK_BYTES) await this.#files.overwriteInPlace(path, bytes)
    else await this.#files.writeAtomic(path, bytes)
    await this.settle()
    // It is of a trial whose attempts are used up: it means nothing to another one, or to one that has attempts.
    if (choice.trial === null || choice.attemptsLeft > 0) await this.#files.remove(this.path(LAYOUT.trialEnded))
    return dropped
  }
}

async function nullWhenMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (error) {
    if (error instanceof NotFoundError) return null
    throw error
  }
}
