import { BugError, NotFoundError, RefusedError } from '../../errors.ts'
import type { DataAdoption } from '../driver.ts'
import type { Volume } from '../model.ts'
import type { DataName } from '../names.ts'
import type { ZfsFilesystem } from './dataset-list.ts'
import type { Datasets } from './datasets.ts'
import { datasetOf } from './layout.ts'
import { MARK_PROPERTY } from './mark.ts'
import type { ZfsPools } from './zfs-pools.ts'

/** Makes somebody's dataset belay's data where it is: neither renamed nor unmounted nor copied. */
export class Adoption {
  readonly #pools: ZfsPools
  readonly #datasets: Datasets

  constructor(pools: ZfsPools, datasets: Datasets) {
    this.#pools = pools
    this.#datasets = datasets
  }

  async check(volume: Volume): Promise<DataAdoption> {
    const { filesystem, below } = await this.#look(volume)
    const { name } = filesystem
    if (!name.includes('/')) {
      throw new RefusedError('layout/top-level', `${name} is the top dataset of its pool: copies of it could only lie inside it`, {
        next: [`zfs create ${name}/data, and move what is in ${name} there`, 'or leave --data out: it stays as it is'],
        data: { dataset: name },
      })
    }
    const key = await this.#pools.commands.property(name, 'encryptionroot')
    if (key !== '-' && key !== (await this.#keyOfRoot())) {
      throw new RefusedError('layout/encrypted', `${name} is encrypted with a key of its own, which nothing loads before fstab is mounted`, {
        next: [`zfs change-key -i ${name}   (to use the key of the dataset around it)`, 'or leave --data out: it stays as it is'],
        data: { dataset: name },
      })
    }
    const properties = await this.#pools.commands.localProperties('filesystem', [MARK_PROPERTY], [name])
    if (properties.some((property) => property.name === name)) {
      throw new RefusedError('layout/marked', `${name} carries belay’s mark already, from here or from another appliance`, {
        next: ['belay status', `zfs inherit ${MARK_PROPERTY} ${name}   (when no appliance uses it)`],
        data: { dataset: name },
      })
    }
    const inner: { readonly path: string; readonly volume: Volume }[] = []
    for (const child of below)
      if (child.mountpoint.startsWith('/') && (await this.#mountsItself(child))) inner.push({ path: child.mountpoint, volume: this.#pools.volume(child) })
    return { mountsItself: await this.#mountsItself(filesystem), inner }
  }

  async adopt(name: DataName, volume: Volume): Promise<Volume> {
    await this.check(volume)
    await this.#datasets.refuseOccupiedName('data', name)
    await this.#pools.remember(volume.pool)
    const dataset = await this.#pools.locate(volume)
    await this.#datasets.write(dataset.name, this.#datasets.mark('data', name, [], true))
    return this.#pools.volume(dataset)
  }

  /** Idempotent. */
  async undo(name: DataName): Promise<void> {
    this.#pools.forget()
    if ((await this.#datasets.markOf('data', name)) !== null) {
      const dataset = (await this.#datasets.datasetOf('data', name)) ?? ''
      if (dataset === datasetOf(this.#pools.layoutAround(dataset), 'data', name)) throw new BugError(`${dataset} was not adopted`)
      await this.#pools.commands.inherit(dataset, MARK_PROPERTY)
    }
    await this.#pools.forgetUnused()
  }

  /** Idempotent. What is mounted stays mounted: zfs unmounts only for canmount=off. */
  async mountByFstab(name: DataName): Promise<void> {
    this.#pools.forget()
    const mark = await this.#datasets.markOf('data', name)
    const dataset = await this.#pools.filesystem((await this.#datasets.datasetOf('data', name)) ?? '')
    if (mark === null || dataset === null) throw new NotFoundError(`there is no data volume ${name}`, { next: ['belay doctor'] })
    if (!(await this.#mountsItself(dataset))) return
    // Its list of datasets is as old as the version that runs (zfs-mount-generator(8)): it would make the same unit as fstab.
    await this.#pools.commands.set(dataset.name, 'org.openzfs.systemd:ignore', 'on')
    // Last: who comes again after a cut sees by it that there is something to do.
    await this.#pools.commands.set(dataset.name, 'canmount', 'noauto')
  }

  /** The initrd asks for the key of the root alone. */
  #keyOfRoot(): Promise<string> {
    return this.#pools.commands.property(this.#pools.layout.environments, 'encryptionroot')
  }

  async #mountsItself({ name, mountpoint }: ZfsFilesystem): Promise<boolean> {
    return mountpoint !== 'legacy' && (await this.#pools.commands.property(name, 'canmount')) === 'on'
  }

  async #look(volume: Volume): Promise<{ readonly filesystem: ZfsFilesystem; readonly below: readonly ZfsFilesystem[] }> {
    const found = volume.locator.includes('@') ? null : await this.#pools.lookAt(volume.locator)
    if (found !== null && found.filesystem.guid === volume.guid && this.#pools.volume(found.filesystem).pool === volume.pool) return found
    throw new NotFoundError(`there is no filesystem ${volume.locator} with GUID ${volume.guid}`, { next: ['zfs list'], data: { volume } })
  }
}
