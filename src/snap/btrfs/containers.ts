import { isAtOrBelow } from '../../path-within.ts'
import { BugError, RefusedError } from '../../errors.ts'
import type { OwnObject, Source } from '../driver.ts'
import type { Member } from '../model.ts'
import type { BeName, DataName, GenerationName } from '../names.ts'
import type { BtrfsPool } from './btrfs-pool.ts'
import { type ContainerKind, TOP, containerOf, kindDirectory } from './layout.ts'
import { MARK_FILE, type Mark, readMark } from './mark.ts'
import type { Subvolume } from './subvolume-list.ts'

const NAME_PATTERN: Record<ContainerKind, RegExp> = { generation: /^gen-\d{6}$/, be: /^be-\d{6}$/, data: /^data-\d{6}$/ }
const deepFirst = (a: { readonly path: string }, b: { readonly path: string }): number => b.path.split('/').length - a.path.split('/').length

/** belay's objects on the pool: a plain directory each, with its mark and its subvolumes. What has no mark is never touched. */
export class Containers {
  readonly #pool: BtrfsPool

  constructor(pool: BtrfsPool) {
    this.#pool = pool
  }

  async survey(): Promise<readonly OwnObject[]> {
    const top = await this.#pool.top()
    this.#pool.forgetList()
    const there = new Set((await this.#pool.list()).map((subvolume) => subvolume.path))
    const objects: OwnObject[] = []
    for (const kind of ['generation', 'be', 'data'] as const) {
      const directory = `${top}/${kindDirectory(kind)}`
      if ((await this.#pool.files.stat(directory)) === null) continue
      const names = (await this.#pool.files.list(directory)).filter((name) => NAME_PATTERN[kind].test(name))
      const found = names.map(async (name): Promise<OwnObject> => {
        const container = `${kindDirectory(kind)}/${name}`
        const mark = await readMark(this.#pool.files, `${top}/${container}`, { pool: this.#pool.uuid, name })
        const complete = mark?.members.every((member) => there.has(`${container}/${member.at}`)) ?? false
        return { kind, name: name as GenerationName | BeName | DataName, marked: mark !== null, complete }
      })
      objects.push(...(await Promise.all(found)))
    }
    return objects
  }

  /** Make a container with its mark, then its subvolumes; on failure nothing of it stays. */
  async make(
    kind: ContainerKind,
    name: GenerationName | BeName | DataName,
    members: readonly { readonly source: Source | null; readonly at: string }[],
    fill: (container: string) => Promise<void>,
  ): Promise<readonly Member[]> {
    const top = await this.#pool.top()
    const path = containerOf(kind, name)
    const container = `${top}/${path}`
    if ((await this.#pool.files.stat(container)) !== null) {
      throw new RefusedError('name-occupied', `${path} exists already on ${this.#pool.uuid}`, { next: ['belay doctor'], data: { path } })
    }
    const mark: Mark = {
      format: 1,
      kind,
      name,
      pool: this.#pool.uuid,
      members: members.map(({ source, at }) => ({
        role: source?.role ?? kind,
        mountpoint: source?.mountpoint ?? '/',
        at,
        origin: source?.volume.guid ?? null,
      })),
    }
    await this.#pool.files.makeDirectory(container, 0o700)
    try {
      await this.#pool.files.writeAtomic(`${container}/${MARK_FILE}`, JSON.stringify(mark))
      await fill(container)
    } catch (error) {
      this.#pool.forgetList()
      await this.destroy(kind, name).catch(() => undefined)
      throw error
    }
    this.#pool.forgetList()
    const subvolumes = await this.#pool.list()
    return members.map(({ source, at }) => {
      const found = subvolumes.find((subvolume) => subvolume.path === `${path}/${at}`)
      if (found === undefined) throw new BugError(`${path}/${at} was made but is not listed`)
      return { role: source?.role ?? 'data', mountpoint: source?.mountpoint ?? '/', volume: this.#pool.volume(found) }
    })
  }

  /** Idempotent. @throws RefusedError `not-ours` without a mark, `in-use` when it is mounted or holds something of somebody's. */
  async destroy(kind: ContainerKind, name: GenerationName | BeName | DataName): Promise<void> {
    const found = await this.#find(kind, name)
    if (found === null) return
    const { container, own, foreign } = found
    const top = await this.#pool.top()
    // systemd-tmpfiles makes empty subvolumes such as /var/lib/portables in a btrfs root; a full one is somebody's.
    for (const { path } of foreign) if (!(await this.#pool.commands.removeEmpty(`${top}/${path}`))) throw notEmpty(path, name)
    await this.#pool.commands.delete(own.map(({ path }) => `${top}/${path}`))
    await this.#pool.files.remove(container)
    this.#pool.forgetList()
  }

  /** Whether destroy would be refused, without touching anything. @throws as destroy does. */
  async checkDestroy(kind: ContainerKind, name: GenerationName | BeName | DataName): Promise<void> {
    const foreign = (await this.#find(kind, name))?.foreign ?? []
    const top = await this.#pool.top()
    for (const { path } of foreign) {
      const entries = await this.#pool.files.list(`${top}/${path}`)
      if (!entries.every((entry) => foreign.some((inner) => inner.path === `${path}/${entry}`))) throw notEmpty(path, name)
    }
  }

  /** What an object's container holds, innermost first; null when there is none. */
  async #find(
    kind: ContainerKind,
    name: GenerationName | BeName | DataName,
  ): Promise<{ readonly container: string; readonly own: readonly Subvolume[]; readonly foreign: readonly Subvolume[] } | null> {
    const path = containerOf(kind, name)
    const container = `${await this.#pool.top()}/${path}`
    if ((await this.#pool.files.stat(container)) === null) return null
    const mark = await readMark(this.#pool.files, container, { pool: this.#pool.uuid, name })
    if (mark === null) {
      // A power cut before the mark is in place leaves nothing but a mark under a temporary name; anything else is not ours.
      if ((await this.#pool.files.list(container)).every((entry) => entry.startsWith(`.${MARK_FILE}.`))) return { container, own: [], foreign: [] }
      throw new RefusedError('not-ours', `${path} does not carry belay’s mark; it is left alone`, { next: ['belay doctor'], data: { path } })
    }
    this.#pool.forgetList()
    const inside = (await this.#pool.list()).filter((subvolume) => subvolume.path.startsWith(`${path}/`)).toSorted(deepFirst)
    await this.#refuseMounted(path)
    const promised = new Set(mark.members.map((member) => `${path}/${member.at}`))
    return { container, own: inside.filter((subvolume) => promised.has(subvolume.path)), foreign: inside.filter((subvolume) => !promised.has(subvolume.path)) }
  }

  async #refuseMounted(path: string): Promise<void> {
    const mounted = (await this.#pool.mounts()).find((mount) => isAtOrBelow(mount.root, `/${path}`))
    if (mounted !== undefined) throw new RefusedError('in-use', `${path} is mounted at ${mounted.mountpoint}`, { next: [`umount ${mounted.mountpoint}`] })
  }

  /** The paths that the mark of the object at a path promises. */
  async ownPathsAround(path: string): Promise<ReadonlySet<string>> {
    const container = path.split('/').slice(0, 3).join('/')
    const name = container.slice(container.lastIndexOf('/') + 1)
    const mark = container.startsWith(`${TOP}/`)
      ? await readMark(this.#pool.files, `${await this.#pool.top()}/${container}`, { pool: this.#pool.uuid, name })
      : null
    return new Set(mark?.members.map((member) => `${container}/${member.at}`))
  }

  async takeFromMark(container: string, name: BeName, mountpoint: string): Promise<void> {
    const directory = `${await this.#pool.top()}/${container}`
    const mark = await readMark(this.#pool.files, directory, { pool: this.#pool.uuid, name })
    if (mark?.members.some((member) => member.mountpoint === mountpoint) !== true) return
    await this.#pool.files.writeAtomic(
      `${directory}/${MARK_FILE}`,
      JSON.stringify({ ...mark, members: mark.members.filter((member) => member.mountpoint !== mountpoint) }),
    )
  }

  async addToMark(container: string, name: BeName, member: Mark['members'][number]): Promise<void> {
    const directory = `${await this.#pool.top()}/${container}`
    const mark = await readMark(this.#pool.files, directory, { pool: this.#pool.uuid, name })
    if (mark === null) throw new RefusedError('not-ours', `${container} does not carry belay’s mark`)
    if (mark.members.some((existing) => existing.at === member.at)) return
    await this.#pool.files.writeAtomic(`${directory}/${MARK_FILE}`, JSON.stringify({ ...mark, members: [...mark.members, member] }))
  }
}

const notEmpty = (path: string, name: string): RefusedError =>
  new RefusedError('in-use', `${path} is not belay’s and not empty; ${name} stays`, { next: [`btrfs subvolume delete /PATH/OF/TOP/${path}`], data: { path } })
