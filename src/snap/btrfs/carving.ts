import { BugError, NotFoundError, RefusedError } from '../../errors.ts'
import type { Member, Volume } from '../model.ts'
import type { BeName, DataName } from '../names.ts'
import { pathInside } from '../path-inside.ts'
import type { BtrfsPool } from './btrfs-pool.ts'
import type { Containers } from './containers.ts'
import { containerOf } from './layout.ts'

/** What carving moves aside, and the copy before it is in place. */
const ASIDE = '.belay-old'
const COPY = '.belay-new'
/** An empty directory that a snapshot has where its origin had a nested subvolume (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID). */
const STUB_INODE = 2

/** Turns plain directories of a boot environment's root into subvolumes with the same content, so that a cut at any point can be mended. */
export class Carving {
  readonly #pool: BtrfsPool
  readonly #containers: Containers

  constructor(pool: BtrfsPool, containers: Containers) {
    this.#pool = pool
    this.#containers = containers
  }

  async carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume> {
    const { root, directory, path } = await this.#placeIn(be, mountpoint)
    if ((await this.#pool.files.stat(directory))?.kind !== 'directory') {
      throw new NotFoundError(`${mountpoint} is not a directory of ${be}`, { next: [`mkdir ${mountpoint}, or leave it out`], data: { path: mountpoint } })
    }
    await this.#refuseNested(path)
    const [member] = await this.#containers.make('data', name, [{ source: null, at: 'volume' }], async (container) => {
      await this.#pool.commands.create(`${container}/volume`)
      await this.#pool.commands.copyTree(directory, `${container}/volume`)
      // Before the original goes: a commit alone would not write out what cp left in memory.
      await this.#pool.commands.sync(container)
    })
    await this.#pool.files.rename(directory, `${directory}${ASIDE}`)
    await this.#pool.files.makeDirectory(directory, 0o755)
    await this.#removeTree(`${directory}${ASIDE}`, `${path}${ASIDE}`)
    await this.#pool.commands.sync(root)
    if (member === undefined) throw new BugError('a data volume was made without a volume')
    return member.volume
  }

  async carveConfig(be: BeName, mountpoint: string): Promise<Member> {
    const { root, directory, path } = await this.#placeIn(be, mountpoint)
    const container = containerOf('be', be)
    if (!(await this.#isSubvolume(path))) await this.#refuseNested(path)
    // The mark first: what it promises and what is not there yet is known for unfinished, what is there and not promised would be foreign.
    await this.#containers.addToMark(container, be, { role: 'config', mountpoint, at: path.slice(container.length + 1), origin: null })
    await this.#tidyCarve(directory, path)
    if (!(await this.#isSubvolume(path))) {
      const copy = `${directory}${COPY}`
      // A stub can be neither renamed nor copied (inode 2, EPERM); it is empty by nature.
      if ((await this.#pool.files.stat(directory))?.inode === STUB_INODE) await this.#pool.commands.removeEmpty(directory)
      await this.#pool.files.makeDirectory(directory.slice(0, directory.lastIndexOf('/')), 0o755)
      await this.#pool.commands.create(copy)
      const existed = (await this.#pool.files.stat(directory)) !== null
      if (existed) {
        await this.#pool.commands.copyTree(directory, copy)
        await this.#pool.commands.sync(root)
        await this.#pool.files.rename(directory, `${directory}${ASIDE}`)
      }
      await this.#pool.files.rename(copy, directory)
      await this.#pool.commands.sync(root)
      if (existed) await this.#removeTree(`${directory}${ASIDE}`, `${path}${ASIDE}`)
      this.#pool.forgetList()
    }
    const member = (await this.#pool.list()).find((subvolume) => subvolume.path === path)
    if (member === undefined) throw new BugError(`${mountpoint} did not become a subvolume`)
    return { role: 'config', mountpoint, volume: this.#pool.volume(member) }
  }

  async uncarveConfig(be: BeName, mountpoint: string): Promise<void> {
    const { directory, path } = await this.#placeIn(be, mountpoint)
    await this.#tidyCarve(directory, path)
    if (!(await this.#isSubvolume(path))) await this.#containers.takeFromMark(containerOf('be', be), be, mountpoint)
  }

  /** Remove the stub that a snapshot has where its origin had a nested subvolume, and make the directories above it. */
  async clearStub(root: string, mountpoint: string): Promise<string> {
    const target = await pathInside(this.#pool.files, root, mountpoint)
    await this.#pool.files.makeDirectory(target.slice(0, target.lastIndexOf('/')), 0o755)
    if ((await this.#pool.files.stat(target)) !== null && !(await this.#pool.commands.removeEmpty(target))) {
      // A plain directory that the root snapshot carries at a member's place: the member's own content is what counts.
      await this.#pool.files.remove(target)
    }
    return target
  }

  async #placeIn(be: BeName, mountpoint: string): Promise<{ readonly root: string; readonly directory: string; readonly path: string }> {
    const root = await pathInside(this.#pool.files, await this.#pool.top(), `${containerOf('be', be)}/root`)
    return { root, directory: await pathInside(this.#pool.files, root, mountpoint), path: `${containerOf('be', be)}/root${mountpoint}` }
  }

  async #isSubvolume(path: string): Promise<boolean> {
    return (await this.#pool.list()).some((subvolume) => subvolume.path === path)
  }

  /** A copy leaves nested subvolumes out, so what holds one cannot be carved. */
  async #refuseNested(path: string): Promise<void> {
    const nested = (await this.#pool.list()).find((subvolume) => subvolume.path.startsWith(`${path}/`))
    if (nested === undefined) return
    throw new RefusedError('holds-volumes', `${nested.path} is a subvolume of its own inside ${path}`, {
      next: ['name the outer directory before the inner one'],
      data: { path: nested.path },
    })
  }

  /** Bring a carveConfig that was cut back to where it began, or to its end when the member is at its place. */
  async #tidyCarve(directory: string, path: string): Promise<void> {
    const aside = `${directory}${ASIDE}`
    this.#pool.forgetList()
    if (await this.#isSubvolume(path)) await this.#removeTree(aside, `${path}${ASIDE}`)
    else if ((await this.#pool.files.stat(directory)) === null && (await this.#pool.files.stat(aside)) !== null) await this.#pool.files.rename(aside, directory)
    if (!(await this.#isSubvolume(`${path}${COPY}`))) return
    await this.#pool.commands.delete([`${directory}${COPY}`])
    this.#pool.forgetList()
  }

  /** Remove a directory with the stubs in it, which have device numbers of their own: Files.remove would take them for other filesystems. */
  async #removeTree(directory: string, path: string): Promise<void> {
    if ((await this.#pool.files.stat(directory)) === null) return
    await this.#refuseNested(path)
    await this.#pool.commands.removeTree(directory)
  }
}
