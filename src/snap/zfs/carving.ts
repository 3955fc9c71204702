import { NotFoundError, RefusedError } from '../../errors.ts'
import { isAtOrBelow } from '../../path-within.ts'
import type { Member, Volume } from '../model.ts'
import type { BeName, DataName } from '../names.ts'
import { pathInside } from '../path-inside.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import type { Datasets } from './datasets.ts'
import { datasetOf } from './layout.ts'
import { type Mark, markProperty } from './mark.ts'
import type { WorkMounts } from './work-mounts.ts'
import type { ZfsPools } from './zfs-pools.ts'

/** What carving moves aside until the dataset with its content is in place. */
const ASIDE = '.belay-old'

/** A boot environment as carving sees it. */
interface Environment {
  readonly be: BeName
  readonly root: ZfsFilesystem
  readonly mark: Mark
  /** Where it is mounted with its config members. */
  readonly whole: string
}

/** Turns plain directories of a boot environment's root into datasets with the same content, so that a cut at any point can be mended. */
export class Carving {
  readonly #pools: ZfsPools
  readonly #datasets: Datasets
  readonly #mounts: WorkMounts

  constructor(pools: ZfsPools, datasets: Datasets, mounts: WorkMounts) {
    this.#pools = pools
    this.#datasets = datasets
    this.#mounts = mounts
  }

  async carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume> {
    const environment = await this.#environment(be)
    const directory = await pathInside(this.#pools.files, environment.whole, mountpoint)
    if ((await this.#pools.files.stat(directory))?.kind !== 'directory') {
      throw new NotFoundError(`${mountpoint} is not a directory of ${be}`, { next: [`mkdir ${mountpoint}, or leave it out`], data: { path: mountpoint } })
    }
    await this.#refuseNested(environment, mountpoint)
    const volume = await this.#datasets.make('data', name, async (dataset) => {
      await this.#pools.makeContainers(this.#pools.layout.top, this.#pools.layout.data)
      const mark = this.#datasets.mark('data', name, [])
      await this.#pools.commands.create(dataset, { ...(await this.#accessOf(environment.root)), mountpoint: 'legacy', ...markProperty(mark) })
      await this.#pools.commands.copyTree(directory, await this.#mounts.alone(await this.#pools.made(dataset)))
      // What was written before is in the pool with this: a property is set in a transaction group of its own or a later one.
      await this.#datasets.write(dataset, { ...mark, made: true })
      return this.#pools.volume(await this.#pools.made(dataset))
    })
    const below = await this.#below(environment, mountpoint)
    await this.#moveAside(below)
    await this.#pools.files.remove(`${below}${ASIDE}`)
    return volume
  }

  async carveConfig(be: BeName, mountpoint: string): Promise<Member> {
    const environment = await this.#environment(be)
    const directory = await pathInside(this.#pools.files, environment.whole, mountpoint)
    const known = environment.mark.members.find((candidate) => candidate.mountpoint === mountpoint)
    const member = known ?? { role: 'config', mountpoint, at: this.#freeName(environment) }
    const dataset = `${environment.root.name}/${member.at}`
    if (!(await this.#isMade(dataset))) {
      await this.#refuseNested(environment, mountpoint)
      if (known === undefined) await this.#datasets.write(environment.root.name, { ...environment.mark, members: [...environment.mark.members, member] })
      await this.#destroyUnmade(dataset)
      const mark = this.#datasets.mark('config', be, [])
      await this.#pools.commands.create(dataset, { ...(await this.#accessOf(environment.root)), canmount: 'noauto', mountpoint, ...markProperty(mark) })
      this.#pools.forget()
      if ((await this.#pools.files.stat(directory))?.kind === 'directory')
        await this.#pools.commands.copyTree(directory, await this.#mounts.alone(await this.#pools.made(dataset)))
      await this.#datasets.write(dataset, { ...mark, made: true })
    }
    await this.#settle(environment, member)
    return { role: 'config', mountpoint, volume: this.#pools.volume(await this.#pools.made(dataset)) }
  }

  async uncarveConfig(be: BeName, mountpoint: string): Promise<void> {
    const environment = await this.#environment(be)
    const member = environment.mark.members.find((candidate) => candidate.mountpoint === mountpoint)
    if (member === undefined || member.at === '') return
    const dataset = `${environment.root.name}/${member.at}`
    if (await this.#isMade(dataset)) return this.#settle(environment, member)
    await this.#destroyUnmade(dataset)
    await this.#datasets.write(environment.root.name, { ...environment.mark, members: environment.mark.members.filter((candidate) => candidate !== member) })
  }

  async #environment(be: BeName): Promise<Environment> {
    const name = datasetOf(this.#pools.layout, 'be', be)
    this.#pools.forget()
    const root = await this.#pools.filesystem(name)
    const mark = await this.#datasets.markOf('be', be)
    if (root === null || mark === null) throw new NotFoundError(`there is no boot environment ${be}`, { next: ['belay doctor'] })
    return { be, root, mark, whole: await this.#mounts.whole(root) }
  }

  /** Empty the place of a member that is whole, and mount it there. */
  async #settle(environment: Environment, member: Mark['members'][number]): Promise<void> {
    const { files } = this.#pools
    const dataset = `${environment.root.name}/${member.at}`
    const below = await this.#below(environment, member.mountpoint)
    const isEmpty = (await files.stat(below)) !== null && (await files.list(below)).length === 0
    // A directory that something is mounted on cannot be renamed; what the running version covers so stays where it is.
    if (!isEmpty && !(await this.#mounts.isMountedElsewhere([dataset]))) {
      await this.#mounts.release([dataset])
      await this.#moveAside(below)
    }
    await this.#mounts.placeEverywhere(environment.root, member)
    await files.remove(`${below}${ASIDE}`)
  }

  /** Leave an empty directory where one with content is, or where none is; what was moved aside before stays aside. */
  async #moveAside(directory: string): Promise<void> {
    const { files } = this.#pools
    const isThere = (await files.stat(directory)) !== null
    if (isThere && (await files.list(directory)).length > 0) {
      await files.remove(`${directory}${ASIDE}`)
      await files.rename(directory, `${directory}${ASIDE}`)
    }
    await files.makeDirectory(directory, 0o755)
  }

  /** The directory at a mount point in the dataset that holds it, whatever is mounted over it. */
  async #below({ root, mark }: Environment, mountpoint: string): Promise<string> {
    const outer = mark.members
      .filter((member) => member.mountpoint !== mountpoint && isAtOrBelow(mountpoint, member.mountpoint) && member.at !== '')
      .toSorted((a, b) => b.mountpoint.length - a.mountpoint.length)[0]
    const dataset = outer === undefined ? root : await this.#pools.made(`${root.name}/${outer.at}`)
    return pathInside(this.#pools.files, await this.#mounts.alone(dataset), outer === undefined ? mountpoint : mountpoint.slice(outer.mountpoint.length))
  }

  /** A copy leaves datasets that are mounted inside out, so what holds one cannot be carved. */
  async #refuseNested({ root, mark }: Environment, mountpoint: string): Promise<void> {
    const members = mark.members.map((member) => member.mountpoint)
    const children = (await this.#pools.filesystemsAt(root.name)).filter(({ name }) => name !== root.name).map((child) => child.mountpoint)
    const nested = [...members, ...children].find((path) => path.startsWith(`${mountpoint}/`))
    if (nested === undefined) return
    throw new RefusedError('holds-volumes', `${nested} is a dataset of its own inside ${mountpoint}`, {
      next: ['name the outer directory before the inner one'],
      data: { path: nested },
    })
  }

  async #destroyUnmade(dataset: string): Promise<void> {
    if ((await this.#pools.filesystem(dataset)) === null) return
    await this.#mounts.release([dataset])
    await this.#pools.commands.destroyFilesystem(dataset)
    this.#pools.forget()
  }

  /** What `cp --archive` needs to copy access control lists: without it they are refused, or lost. */
  async #accessOf({ name }: ZfsFilesystem): Promise<Record<string, string>> {
    const acltype = await this.#pools.commands.property(name, 'acltype')
    return acltype === 'off' ? {} : { acltype, xattr: await this.#pools.commands.property(name, 'xattr') }
  }

  async #isMade(dataset: string): Promise<boolean> {
    return (await this.#pools.markOf(dataset))?.made ?? false
  }

  #freeName({ mark }: Environment): string {
    const numbers = mark.members.map((member) => Number(/^config-(\d+)$/.exec(member.at)?.[1] ?? 0))
    return configName(Math.max(0, ...numbers) + 1)
  }
}

/** Name of a config member's dataset below its root. zfs-initramfs mounts in the order of names: outer members have the lower numbers. */
export const configName = (number: number): string => `config-${String(number).padStart(3, '0')}`
