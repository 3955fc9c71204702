import { posix } from 'node:path'
import { InvalidFileError, NoSpaceError, NotFoundError, RefusedError } from '../errors.ts'
import type { BeName } from '../snap/names.ts'
import type { Clock, EntryStat, Files, Runner, Settler } from '../sys/ports.ts'
import { BootSetDirectories } from './boot-set-directories.ts'
import { BOOT_SET_FORMAT, BootSetFile, type SourceStamp } from './boot-set-record.ts'
import { BOOT_SET_FILES, GRUB_MOUNTPOINT } from './grub-partition-layout.ts'
import { readPoolFeatures } from './pool-features.ts'
import { findNewestKernel, verifyKernelFiles, type KernelFiles, type RootFilesystemName } from './verify-boot-set.ts'

export interface BuildBootSetOptions {
  /** Where the boot environment's root is mounted; `/` for the running one. */
  readonly rootDirectory: string
  readonly be: BeName
  readonly filesystem: RootFilesystemName
  /** Text of entry.cfg (`entryFile`). */
  readonly entryText: string
  /** Paths that the initrd must hold, without a leading slash. */
  readonly initrdHolds?: readonly string[]
}

export interface BootSetProblem {
  readonly code: 'missing' | 'record-unreadable' | 'file-missing' | 'size-differs' | 'content-differs' | 'no-entry'
  readonly message: string
}

type BootFileName = 'vmlinuz' | 'initrd'
const BOOT_FILES: readonly BootFileName[] = ['vmlinuz', 'initrd']

interface BootSetsOptions {
  readonly files: Files
  readonly runner: Runner
  readonly settler: Settler
  readonly clock: Clock
  /** Path of libexec/list-initrd. */
  readonly listInitrd: string
  readonly mountpoint?: string
}

/**
 * The boot sets on the GRUB partition: a verified kernel and initrd for each boot environment. A set is a directory that is filled once and never changed;
 * the link that GRUB follows is replaced in one write. A new boot environment's set is visible to GRUB after the next settle (GrubPartition.change).
 */
export class BootSets {
  readonly #files: Files
  readonly #runner: Runner
  readonly #listInitrd: string
  readonly #clock: Clock
  readonly #directories: BootSetDirectories

  constructor(options: BootSetsOptions) {
    const { files, runner, settler, clock, listInitrd, mountpoint = GRUB_MOUNTPOINT } = options
    this.#files = files
    this.#runner = runner
    this.#listInitrd = listInitrd
    this.#clock = clock
    this.#directories = new BootSetDirectories({ files, settler, mountpoint })
  }

  /** Boot environments that have a set, in order. */
  async list(): Promise<BeName[]> {
    return this.#directories.list()
  }

  /**
   * Verifies the newest kernel of a root and makes it the boot environment's set. An unchanged source is recognised by its stamps, without reading it.
   * @throws RefusedError `boot-set/…` when the verification fails; NoSpaceError. The old set stays in either case.
   */
  async build(options: BuildBootSetOptions): Promise<BootSetFile> {
    const { rootDirectory: root, be, filesystem, entryText, initrdHolds = [] } = options
    const kernel = await findNewestKernel({ files: this.#files }, root)
    const old = await this.#readOrNull(be)
    if (old !== null && isUnchanged(old, kernel, filesystem, initrdHolds) && (await this.check(be)).length === 0) {
      await this.#directories.writeEntry(be, entryText)
      return old
    }
    await verifyKernelFiles({ files: this.#files, runner: this.#runner, listInitrd: this.#listInitrd }, { root, kernel, filesystem, initrdHolds })
    const record: BootSetFile = {
      ...old,
      format: BOOT_SET_FORMAT,
      kernelVersion: kernel.version,
      filesystem,
      initrdHolds: [...initrdHolds],
      vmlinuz: { sha256: await this.#files.sha256(kernel.vmlinuz.path), bytes: kernel.vmlinuz.stat.size },
      initrd: { sha256: await this.#files.sha256(kernel.initrd.path), bytes: kernel.initrd.stat.size },
      sources: { vmlinuz: stampOf(kernel.vmlinuz.stat), initrd: stampOf(kernel.initrd.stat) },
      verifiedAt: this.#clock.now().toISOString(),
      ...(filesystem === 'zfs' ? { poolFeatures: await readPoolFeatures({ files: this.#files, runner: this.#runner }, root, kernel.version) } : {}),
    }
    await this.#replace(be, record, entryText, async (directory) => {
      for (const name of BOOT_FILES) await this.#place(name, record, kernel, posix.join(directory, BOOT_SET_FILES[name]))
      await this.#refuseChanged(kernel)
    })
    return record
  }

  /**
   * Gives a boot environment the set of another by hard links: for a clone of its root.
   * @throws NotFoundError when `from` has none.
   */
  async share(options: { readonly from: BeName; readonly to: BeName; readonly entryText: string }): Promise<BootSetFile> {
    const record = await this.read(options.from)
    if (record === null) throw new NotFoundError(`${options.from} has no boot set`, { next: ['belay doctor --fix'], data: { be: options.from } })
    const source = await this.#directories.of(options.from)
    await this.#replace(options.to, record, options.entryText, async (directory) => {
      await together(BOOT_FILES.map((name) => this.#files.link(posix.join(source, BOOT_SET_FILES[name]), posix.join(directory, BOOT_SET_FILES[name]))))
    })
    return record
  }

  /** Takes a boot environment's set away; fine when it has none. The menu must not offer it any more. */
  async remove(be: BeName): Promise<void> {
    await this.#directories.remove(be)
  }

  /**
   * The record of a boot environment's set; null when it has none.
   * @throws InvalidFileError when boot-set.json cannot be understood.
   */
  async read(be: BeName): Promise<BootSetFile | null> {
    if (!(await this.#directories.has(be))) return null
    const path = posix.join(await this.#directories.of(be), BOOT_SET_FILES.record)
    let parsed: unknown
    try {
      parsed = JSON.parse(await this.#files.readText(path))
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof SyntaxError) throw unreadable(path, 'it is missing or no JSON', error)
      throw error
    }
    const record = BootSetFile.safeParse(parsed)
    if (record.success) return record.data
    throw unreadable(path, record.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('; '))
  }

  /** What is wrong with a set: its record, the presence and the sizes of its files; with `thorough` every byte. */
  async check(be: BeName, options: { readonly thorough?: boolean } = {}): Promise<BootSetProblem[]> {
    if (!(await this.#directories.has(be))) return [{ code: 'missing', message: `${be} has no boot set` }]
    const record = await this.#readOrNull(be)
    if (record === null) return [{ code: 'record-unreadable', message: `the record of ${be}'s boot set cannot be read` }]
    const directory = await this.#directories.of(be)
    const problems: BootSetProblem[] = []
    for (const name of BOOT_FILES) {
      const path = posix.join(directory, BOOT_SET_FILES[name])
      const stat = await this.#files.stat(path)
      if (stat?.kind !== 'file') problems.push({ code: 'file-missing', message: `${path} is missing` })
      else if (stat.size !== record[name].bytes) {
        problems.push({ code: 'size-differs', message: `${path} has ${String(stat.size)} bytes, not ${String(record[name].bytes)}` })
      } else if (options.thorough === true && (await this.#files.sha256(path)) !== record[name].sha256) {
        problems.push({ code: 'content-differs', message: `${path} is not what was verified` })
      }
    }
    const entry = await this.#files.stat(posix.join(directory, BOOT_SET_FILES.entry))
    if (entry?.kind !== 'file' || entry.size === 0) problems.push({ code: 'no-entry', message: `${be}'s boot set has no ${BOOT_SET_FILES.entry}` })
    return problems
  }

  /** Whether a build would find nothing new: the set is sound and its sources are the newest kernel of the root. Reads no content. */
  async isInStep(options: { readonly be: BeName; readonly rootDirectory: string; readonly filesystem: RootFilesystemName }): Promise<boolean> {
    const record = await this.#readOrNull(options.be)
    if (record === null || (await this.check(options.be)).length > 0) return false
    try {
      return isUnchanged(record, await findNewestKernel({ files: this.#files }, options.rootDirectory), options.filesystem, [])
    } catch (error) {
      if (error instanceof RefusedError) return false
      throw error
    }
  }

  /** Removes what an interrupted change left behind. */
  async removeOrphans(): Promise<void> {
    await this.#directories.removeOrphans()
  }

  async #replace(be: BeName, record: BootSetFile, entryText: string, fill: (directory: string) => Promise<void>): Promise<void> {
    await this.#directories.replace(be, async (directory) => {
      await fill(directory)
      await together([
        this.#files.writeAtomic(posix.join(directory, BOOT_SET_FILES.entry), entryText),
        this.#files.writeAtomic(posix.join(directory, BOOT_SET_FILES.record), `${JSON.stringify(record, null, 2)}\n`),
      ])
    })
  }

  /** A link to the same content in another set where there is one, else a copy that was read back. */
  async #place(name: BootFileName, record: BootSetFile, kernel: KernelFiles, to: string): Promise<void> {
    const { sha256, bytes } = record[name]
    for (const other of await this.list()) {
      const known = await this.#readOrNull(other)
      if (known?.[name].sha256 !== sha256) continue
      const path = posix.join(await this.#directories.of(other), BOOT_SET_FILES[name])
      if ((await this.#files.stat(path))?.size !== bytes || (await this.#files.sha256(path)) !== sha256) continue
      await this.#files.link(path, to)
      return
    }
    const { free } = await this.#files.space(posix.dirname(to))
    if (free < bytes) {
      throw new NoSpaceError(`the GRUB partition has ${String(free)} bytes free, ${kernel[name].path} needs ${String(bytes)}`, {
        next: ['belay prune   # removes generations that policy no longer keeps, and their boot sets'],
        data: { free, needed: bytes },
      })
    }
    await this.#files.copy(kernel[name].path, to, 0o600)
    if ((await this.#files.sha256(to)) !== sha256) throw changed(kernel[name].path)
  }

  async #refuseChanged(kernel: KernelFiles): Promise<void> {
    for (const name of BOOT_FILES) {
      const now = await this.#files.stat(kernel[name].path)
      if (now === null || !sameStamp(stampOf(now), stampOf(kernel[name].stat))) throw changed(kernel[name].path)
    }
  }

  async #readOrNull(be: BeName): Promise<BootSetFile | null> {
    return this.read(be).catch((error: unknown) => {
      if (error instanceof InvalidFileError) return null
      throw error
    })
  }
}

/** At once, because syncs that meet share one commit of the journal. A failure is thrown when all have ended: the caller takes away what they wrote. */
const together = async (writes: readonly Promise<void>[]): Promise<void> => {
  for (const result of await Promise.allSettled(writes)) if (result.status === 'rejected') throw result.reason
}

const stampOf = ({ inode, size, mtimeNs, ctimeNs }: EntryStat): SourceStamp => ({ inode, size, mtimeNs, ctimeNs })

const sameStamp = (a: SourceStamp, b: SourceStamp): boolean => a.inode === b.inode && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs

const isUnchanged = (record: BootSetFile, kernel: KernelFiles, filesystem: RootFilesystemName, initrdHolds: readonly string[]): boolean =>
  record.kernelVersion === kernel.version &&
  record.filesystem === filesystem &&
  initrdHolds.every((path) => record.initrdHolds.includes(path)) &&
  BOOT_FILES.every((name) => sameStamp(record.sources[name], stampOf(kernel[name].stat)))

const changed = (path: string): RefusedError =>
  new RefusedError('boot-set/source-changed', `${path} changed while it was copied`, {
    next: ['wait until the package manager is done, and try again'],
    data: { path },
  })

const unreadable = (path: string, why: string, cause?: unknown): InvalidFileError =>
  new InvalidFileError(`${path} cannot be read: ${why}`, { next: ['belay doctor --fix   # verifies the kernel anew and writes it'], data: { path }, cause })
