import { posix } from 'node:path'
import { BugError, NotFoundError, RefusedError } from '../errors.ts'
import { BeName } from '../snap/names.ts'
import type { Files, Settler } from '../sys/ports.ts'
import { bootEnvironmentPath, BOOT_SET_FILES, LAYOUT } from './grub-partition-layout.ts'

/** As replace() makes them; whatever is called otherwise is somebody else's. */
const SET_NAME = /^be-\d{6}\.\d+$/
const NEW_LINK = /^\.be-\d{6}\.new$/

/**
 * Where boot sets lie: `sets/<be>.<n>/` holds one, `be/<be>` is a symbolic link to it (GRUB follows links on ext4). Replacing a set is replacing the link: kernel
 * and initrd change in the same instant, and GRUB, which sees the disk without its journal, finds the old pair or the new one.
 */
export class BootSetDirectories {
  readonly #files: Files
  readonly #settler: Settler
  readonly #mountpoint: string

  constructor(options: { readonly files: Files; readonly settler: Settler; readonly mountpoint: string }) {
    this.#files = options.files
    this.#settler = options.settler
    this.#mountpoint = options.mountpoint
  }

  async list(): Promise<BeName[]> {
    const found: BeName[] = []
    for (const name of await this.#names(LAYOUT.bootEnvironments)) {
      const be = BeName.safeParse(name)
      if (be.success && (await this.has(be.data))) found.push(be.data)
    }
    return found
  }

  /** A link that leads anywhere but to a set of this boot environment is no set. */
  async has(be: BeName): Promise<boolean> {
    return (await this.#directory(be)) !== null
  }

  /**
   * The directory that holds a boot environment's set.
   * @throws RefusedError `path-leads-out` when its link does not lead to one.
   */
  async of(be: BeName): Promise<string> {
    const directory = await this.#directory(be)
    if (directory === null) {
      throw new RefusedError('path-leads-out', `${this.#link(be)} does not lead to a boot set of ${be}`, {
        next: ['belay doctor --fix   # verifies the kernel anew and writes it'],
        data: { path: this.#link(be) },
      })
    }
    return directory
  }

  /**
   * Fills a new directory and makes it the boot environment's set; when filling fails, the old set stays. A set that replaces another is settled before and after
   * the switch; a first one is not, because nothing names it yet.
   */
  async replace(be: BeName, fill: (directory: string) => Promise<void>): Promise<void> {
    const replaces = await this.has(be)
    const name = await this.#newName(be)
    const directory = this.#path(`${LAYOUT.sets}/${name}`)
    await this.#files.makeDirectory(this.#path(LAYOUT.bootEnvironments), 0o755)
    await this.#files.makeDirectory(directory, 0o755)
    try {
      await fill(directory)
    } catch (error) {
      await this.#files.remove(directory)
      throw error
    }
    const temporary = this.#path(`${LAYOUT.bootEnvironments}/.${be}.new`)
    await this.#files.remove(temporary)
    await this.#files.symlink(`../${posix.basename(LAYOUT.sets)}/${name}`, temporary)
    if (replaces) await this.#settle()
    await this.#files.rename(temporary, this.#link(be))
    if (!replaces) return
    await this.#settle()
    await this.#removeSets(be, name)
  }

  /** Writes entry.cfg anew when it differs. */
  async writeEntry(be: BeName, text: string): Promise<void> {
    const path = posix.join(await this.of(be), BOOT_SET_FILES.entry)
    if ((await this.#files.readText(path)) !== text) await this.#files.writeAtomic(path, text)
  }

  async remove(be: BeName): Promise<void> {
    await this.#files.remove(this.#link(be))
    await this.#removeSets(be, null)
  }

  /** Removes directories that no link leads to and links that were not put in place. */
  async removeOrphans(): Promise<void> {
    const linked = new Set<string>()
    for (const be of await this.list()) linked.add(posix.basename(await this.of(be)))
    for (const name of await this.#names(LAYOUT.sets))
      if (SET_NAME.test(name) && !linked.has(name)) await this.#files.remove(this.#path(`${LAYOUT.sets}/${name}`))
    for (const name of await this.#names(LAYOUT.bootEnvironments)) {
      if (NEW_LINK.test(name)) await this.#files.remove(this.#path(`${LAYOUT.bootEnvironments}/${name}`))
    }
  }

  async #directory(be: BeName): Promise<string | null> {
    const link = this.#link(be)
    if ((await this.#files.stat(link))?.kind !== 'symlink') return null
    const [, name] = /^\.\.\/sets\/(be-\d{6}\.\d+)$/.exec(await this.#files.readLink(link)) ?? []
    if (name?.startsWith(`${be}.`) !== true) return null
    const directory = this.#path(`${LAYOUT.sets}/${name}`)
    const stat = await this.#files.stat(directory)
    return stat === null || stat.kind === 'directory' ? directory : null
  }

  async #removeSets(be: BeName, except: string | null): Promise<void> {
    for (const name of await this.#names(LAYOUT.sets)) {
      if (name.startsWith(`${be}.`) && name !== except) await this.#files.remove(this.#path(`${LAYOUT.sets}/${name}`))
    }
  }

  async #newName(be: BeName): Promise<string> {
    const numbers = (await this.#names(LAYOUT.sets)).flatMap((name) => (name.startsWith(`${be}.`) ? [Number(name.slice(be.length + 1))] : []))
    return `${be}.${String(Math.max(0, ...numbers.filter(Number.isSafeInteger)) + 1)}`
  }

  async #names(relative: string): Promise<string[]> {
    try {
      return await this.#files.list(this.#path(relative))
    } catch (error) {
      if (error instanceof NotFoundError) return []
      throw error
    }
  }

  #path(relative: string): string {
    return posix.join(this.#mountpoint, relative)
  }

  #link(be: BeName): string {
    if (!BeName.safeParse(be).success) throw new BugError(`a boot environment cannot be called ${be}`, { data: { be } })
    return this.#path(bootEnvironmentPath(be))
  }

  #settle(): Promise<void> {
    return this.#settler.settle(this.#mountpoint)
  }
}
