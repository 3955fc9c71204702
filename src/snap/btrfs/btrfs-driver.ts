import { BugError, NotFoundError, RefusedError } from '../../errors.ts'
import { type Mount, mountAt, parseMountInfo } from '../../sys/mount-table.ts'
import type { Files, Runner } from '../../sys/ports.ts'
import type { RootFilesystem } from '../../boot/kernel-arguments.ts'
import type { Driver, OwnObject, PoolSpace, Source } from '../driver.ts'
import { type FstabLine, bindFstab } from '../fstab.ts'
import { pathInside } from '../path-inside.ts'
import type { BootEnvironment, DataUse, Generation, Member, Volume } from '../model.ts'
import type { BeName, DataName, GenerationName } from '../names.ts'
import { BtrfsCommands } from './btrfs-commands.ts'
import { type ContainerKind, STATE, TOP, containerOf, kindDirectory, memberName } from './layout.ts'
import { MARK_FILE, type Mark, readMark } from './mark.ts'
import type { Subvolume } from './subvolume-list.ts'

interface BtrfsDriverOptions {
  readonly files: Files
  readonly runner: Runner
  /** Filesystem UUID. */
  readonly pool: string
  /** Block device that holds it. */
  readonly device: string
  /** A directory of this process alone, below which the top level gets mounted. */
  readonly workDirectory: string
}

const NAME_PATTERN: Record<ContainerKind, RegExp> = { generation: /^gen-\d{6}$/, be: /^be-\d{6}$/, data: /^data-\d{6}$/ }
/** What carving moves aside, and the copy before it is in place. */
const ASIDE = '.belay-old'
const COPY = '.belay-new'
/** An empty directory that a snapshot has where its origin had a nested subvolume (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID). */
const STUB_INODE = 2
const deepFirst = (a: { readonly path: string }, b: { readonly path: string }): number => b.path.split('/').length - a.path.split('/').length

/** The btrfs driver: generations are read-only subvolumes, boot environments writable ones with their config nested at its place. */
export class BtrfsDriver implements Driver {
  readonly kind = 'btrfs'
  readonly atomicSets = false
  readonly pool: string
  readonly #files: Files
  readonly #commands: BtrfsCommands
  readonly #device: string
  readonly #workDirectory: string
  #top: string | null = null
  #known: readonly Subvolume[] | null = null

  constructor(options: BtrfsDriverOptions) {
    this.pool = options.pool
    this.#files = options.files
    this.#commands = new BtrfsCommands(options.runner)
    this.#device = options.device
    this.#workDirectory = options.workDirectory
  }

  async survey(): Promise<readonly OwnObject[]> {
    const top = await this.#openTop()
    this.#known = null
    const subvolumes = await this.#list()
    const objects: OwnObject[] = []
    for (const kind of ['generation', 'be', 'data'] as const) {
      const directory = `${top}/${kindDirectory(kind)}`
      if ((await this.#files.stat(directory)) === null) continue
      for (const name of await this.#files.list(directory)) {
        if (!NAME_PATTERN[kind].test(name)) continue
        const container = `${kindDirectory(kind)}/${name}`
        const mark = await readMark(this.#files, `${top}/${container}`, { pool: this.pool, name })
        const complete = mark?.members.every((member) => subvolumes.some((subvolume) => subvolume.path === `${container}/${member.at}`)) ?? false
        objects.push({ kind, name: name as GenerationName | BeName | DataName, marked: mark !== null, complete })
      }
    }
    return objects
  }

  async volumeAt(directory: string): Promise<Volume | null> {
    const mount = mountAt(await this.#mountsOfPool(), directory)
    if (mount === null) return null
    const subvolume = (await this.#list()).find((candidate) => `/${candidate.path}` === mount.root)
    return subvolume === undefined ? null : this.#volume(subvolume)
  }

  async space(): Promise<PoolSpace> {
    const { free, total } = await this.#files.space(await this.#openTop())
    return { free, total }
  }

  async takeGeneration(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources.map((source, position) => ({ source, at: memberName(source.role, position) }))
    return this.#make('generation', name, members, async (container) => {
      for (const { source, at } of members) await this.#commands.snapshot(await this.directoryOf(source.volume), `${container}/${at}`, true)
    })
  }

  async destroyGeneration(name: GenerationName): Promise<void> {
    await this.#destroy('generation', name)
  }

  async cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]> {
    const members = sources
      .filter((source) => source.role !== 'data')
      .map((source) => ({ source, at: source.role === 'root' ? 'root' : `root${source.mountpoint}` }))
      .toSorted((a, b) => a.at.length - b.at.length)
    if (members[0]?.source.role !== 'root') throw new BugError('a boot environment needs a root')
    return this.#make('be', name, members, async (container) => {
      for (const { source, at } of members) {
        const target = source.role === 'root' ? `${container}/${at}` : await this.#clearStub(`${container}/root`, source.mountpoint)
        await this.#commands.snapshot(await this.directoryOf(source.volume), target, false)
      }
    })
  }

  async destroyBe(name: BeName): Promise<void> {
    await this.#destroy('be', name)
  }

  async cloneData(name: DataName, from: Volume): Promise<Volume> {
    const source: Source = { role: 'data', mountpoint: '/', volume: from }
    const [member] = await this.#make('data', name, [{ source, at: 'volume' }], async (container) => {
      await this.#commands.snapshot(await this.directoryOf(from), `${container}/volume`, false)
    })
    return volumeOf(member)
  }

  async carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume> {
    const { root, directory, path } = await this.#placeIn(be, mountpoint)
    if ((await this.#files.stat(directory))?.kind !== 'directory') {
      throw new NotFoundError(`${mountpoint} is not a directory of ${be}`, { next: [`mkdir ${mountpoint}, or leave it out`], data: { path: mountpoint } })
    }
    await this.#refuseNested(path)
    const [member] = await this.#make('data', name, [{ source: null, at: 'volume' }], async (container) => {
      await this.#commands.create(`${container}/volume`)
      await this.#commands.copyTree(directory, `${container}/volume`)
      // Before the original goes: a commit alone would not write out what cp left in memory.
      await this.#commands.sync(container)
    })
    await this.#files.rename(directory, `${directory}${ASIDE}`)
    await this.#files.makeDirectory(directory, 0o755)
    await this.#removeTree(`${directory}${ASIDE}`, `${path}${ASIDE}`)
    await this.#commands.sync(root)
    return volumeOf(member)
  }

  async destroyData(name: DataName): Promise<void> {
    await this.#destroy('data', name)
  }

  async carveConfig(be: BeName, mountpoint: string): Promise<Member> {
    const { root, directory, path } = await this.#placeIn(be, mountpoint)
    const container = containerOf('be', be)
    if (!(await this.#isSubvolume(path))) await this.#refuseNested(path)
    // The mark first: what it promises and what is not there yet is known for unfinished, what is there and not promised would be foreign.
    await this.#addToMark(container, be, { role: 'config', mountpoint, at: path.slice(container.length + 1), origin: null })
    await this.#tidyCarve(directory, path)
    if (!(await this.#isSubvolume(path))) {
      const copy = `${directory}${COPY}`
      // A stub can be neither renamed nor copied (inode 2, EPERM); it is empty by nature.
      if ((await this.#files.stat(directory))?.inode === STUB_INODE) await this.#commands.removeEmpty(directory)
      await this.#files.makeDirectory(directory.slice(0, directory.lastIndexOf('/')), 0o755)
      await this.#commands.create(copy)
      const existed = (await this.#files.stat(directory)) !== null
      if (existed) {
        await this.#commands.copyTree(directory, copy)
        await this.#commands.sync(root)
        await this.#files.rename(directory, `${directory}${ASIDE}`)
      }
      await this.#files.rename(copy, directory)
      await this.#commands.sync(root)
      if (existed) await this.#removeTree(`${directory}${ASIDE}`, `${path}${ASIDE}`)
      this.#known = null
    }
    const member = (await this.#list()).find((subvolume) => subvolume.path === path)
    if (member === undefined) throw new BugError(`${mountpoint} did not become a subvolume`)
    return { role: 'config', mountpoint, volume: this.#volume(member) }
  }

  async uncarveConfig(be: BeName, mountpoint: string): Promise<void> {
    const { directory, path } = await this.#placeIn(be, mountpoint)
    await this.#tidyCarve(directory, path)
    if (!(await this.#isSubvolume(path))) await this.#takeFromMark(containerOf('be', be), be, mountpoint)
  }

  async nestedIn(volume: Volume): Promise<readonly { readonly path: string; readonly volume: Volume }[]> {
    this.#known = null
    const subvolumes = await this.#list()
    const outer = subvolumes.find((subvolume) => subvolume.uuid === volume.guid)
    if (outer === undefined) return []
    const own = await this.#ownPathsAround(outer.path)
    return subvolumes.flatMap((subvolume) =>
      subvolume.path.startsWith(`${outer.path}/`) && !own.has(subvolume.path)
        ? [{ path: subvolume.path.slice(outer.path.length), volume: this.#volume(subvolume) }]
        : [],
    )
  }

  async beRootDirectory(be: BeName): Promise<string> {
    return `${await this.#openTop()}/${containerOf('be', be)}/root`
  }

  async bindData(be: BeName, uses: readonly (DataUse & { readonly volume: Volume })[]): Promise<void> {
    const root = await this.beRootDirectory(be)
    const file = await pathInside(this.#files, root, '/etc/fstab')
    const before = (await this.#files.stat(file)) === null ? '' : await this.#files.readText(file)
    const state = await this.stateVolume()
    const lines: FstabLine[] = [...(state === null ? [] : [{ mountpoint: '/var/lib/belay', volume: state }]), ...uses]
      .toSorted((a, b) => a.mountpoint.length - b.mountpoint.length)
      .map((use) => ({ device: `UUID=${this.pool}`, mountpoint: use.mountpoint, type: 'btrfs', options: `subvol=${use.volume.locator},nofail` }))
    for (const line of lines) await this.#files.makeDirectory(await pathInside(this.#files, root, line.mountpoint), 0o755)
    await this.#files.makeDirectory(file.slice(0, file.lastIndexOf('/')), 0o755)
    await this.#files.writeAtomic(file, bindFstab(before, lines), 0o644)
  }

  async membersOf(record: Generation | BootEnvironment): Promise<readonly Member[]> {
    const subvolumes = await this.#list()
    return record.members.flatMap((member) => {
      const found = subvolumes.find((subvolume) => subvolume.uuid === member.volume.guid)
      return found === undefined ? [] : [{ ...member, volume: this.#volume(found) }]
    })
  }

  async directoryOf(volume: Volume): Promise<string> {
    const found = (await this.#list()).find((subvolume) => subvolume.uuid === volume.guid)
    if (found === undefined) throw new NotFoundError(`subvolume ${volume.locator} (${volume.guid}) is not there any more`, { next: ['belay doctor'] })
    return `${await this.#openTop()}/${found.path}`
  }

  bootRoot(root: Volume): RootFilesystem {
    return { driver: 'btrfs', filesystemUuid: this.pool, subvolume: root.locator }
  }

  async exists(volume: Volume): Promise<boolean> {
    return (await this.#list()).some((subvolume) => subvolume.uuid === volume.guid)
  }

  async stateDirectory(): Promise<string | null> {
    const volume = await this.stateVolume()
    return volume === null ? null : `${await this.#openTop()}/${STATE}`
  }

  /** Where createState will put it. */
  async plannedStateDirectory(): Promise<string> {
    return `${await this.#openTop()}/${STATE}`
  }

  async createState(): Promise<string> {
    const existing = await this.stateDirectory()
    if (existing !== null) return existing
    const top = await this.#openTop()
    if ((await this.#files.stat(`${top}/${STATE}`)) !== null) {
      throw new RefusedError('name-occupied', `${STATE} exists already on ${this.pool} and is not belay’s`, {
        next: ['rename or delete it if nobody needs it'],
        data: { path: STATE },
      })
    }
    for (const kind of ['generation', 'be', 'data'] as const) await this.#files.makeDirectory(`${top}/${kindDirectory(kind)}`, 0o700)
    await this.#files.writeAtomic(
      `${top}/${TOP}/${MARK_FILE}`,
      JSON.stringify({ format: 1, kind: 'state', name: 'state', pool: this.pool, members: [] } satisfies Mark),
    )
    await this.#commands.create(`${top}/${STATE}`)
    this.#known = null
    return `${top}/${STATE}`
  }

  async stateVolume(): Promise<Volume | null> {
    const top = await this.#openTop()
    const mark = await readMark(this.#files, `${top}/${TOP}`, { pool: this.pool, name: 'state' })
    const subvolume = (await this.#list()).find((candidate) => candidate.path === STATE)
    return mark === null || subvolume === undefined ? null : this.#volume(subvolume)
  }

  async close(): Promise<void> {
    if (this.#top === null) return
    await this.#commands.unmount(this.#top)
    await this.#files.remove(this.#workDirectory)
    this.#top = null
    this.#known = null
  }

  async #openTop(): Promise<string> {
    if (this.#top !== null) return this.#top
    const directory = `${this.#workDirectory}/top`
    // A process that was killed leaves its mount behind, and its number may be ours now.
    for (const mount of await this.#mounts()) if (mount.mountpoint === directory) await this.#commands.unmount(directory)
    await this.#files.makeDirectory(directory, 0o700)
    await this.#commands.mountTopLevel(this.#device, directory)
    this.#top = directory
    return directory
  }

  async #list(): Promise<readonly Subvolume[]> {
    this.#known ??= await this.#commands.list(await this.#openTop())
    return this.#known
  }

  #volume(subvolume: Subvolume): Volume {
    return { pool: this.pool, guid: subvolume.uuid, locator: subvolume.path }
  }

  /** Make a container with its mark, then its subvolumes; on failure nothing of it stays. */
  async #make(
    kind: ContainerKind,
    name: GenerationName | BeName | DataName,
    members: readonly { readonly source: Source | null; readonly at: string }[],
    fill: (container: string) => Promise<void>,
  ): Promise<readonly Member[]> {
    const top = await this.#openTop()
    const path = containerOf(kind, name)
    const container = `${top}/${path}`
    if ((await this.#files.stat(container)) !== null) {
      throw new RefusedError('name-occupied', `${path} exists already on ${this.pool}`, { next: ['belay doctor'], data: { path } })
    }
    const mark: Mark = {
      format: 1,
      kind,
      name,
      pool: this.pool,
      members: members.map(({ source, at }) => ({
        role: source?.role ?? kind,
        mountpoint: source?.mountpoint ?? '/',
        at,
        origin: source?.volume.guid ?? null,
      })),
    }
    await this.#files.makeDirectory(container, 0o700)
    try {
      await this.#files.writeAtomic(`${container}/${MARK_FILE}`, JSON.stringify(mark))
      await fill(container)
    } catch (error) {
      this.#known = null
      await this.#destroy(kind, name).catch(() => undefined)
      throw error
    }
    this.#known = null
    const subvolumes = await this.#list()
    return members.map(({ source, at }) => {
      const found = subvolumes.find((subvolume) => subvolume.path === `${path}/${at}`)
      if (found === undefined) throw new BugError(`${path}/${at} was made but is not listed`)
      return { role: source?.role ?? 'data', mountpoint: source?.mountpoint ?? '/', volume: this.#volume(found) }
    })
  }

  /** Remove the stub that a snapshot has where its origin had a nested subvolume, and make the directories above it. */
  async #clearStub(root: string, mountpoint: string): Promise<string> {
    const target = await pathInside(this.#files, root, mountpoint)
    await this.#files.makeDirectory(target.slice(0, target.lastIndexOf('/')), 0o755)
    if ((await this.#files.stat(target)) !== null && !(await this.#commands.removeEmpty(target))) {
      // A plain directory that the root snapshot carries at a member's place: the member's own content is what counts.
      await this.#files.remove(target)
    }
    return target
  }

  async #placeIn(be: BeName, mountpoint: string): Promise<{ readonly root: string; readonly directory: string; readonly path: string }> {
    const root = await this.beRootDirectory(be)
    return { root, directory: await pathInside(this.#files, root, mountpoint), path: `${containerOf('be', be)}/root${mountpoint}` }
  }

  async #isSubvolume(path: string): Promise<boolean> {
    return (await this.#list()).some((subvolume) => subvolume.path === path)
  }

  /** A copy leaves nested subvolumes out, so what holds one cannot be carved. */
  async #refuseNested(path: string): Promise<void> {
    const nested = (await this.#list()).find((subvolume) => subvolume.path.startsWith(`${path}/`))
    if (nested === undefined) return
    throw new RefusedError('holds-volumes', `${nested.path} is a subvolume of its own inside ${path}`, {
      next: ['name the outer directory before the inner one'],
      data: { path: nested.path },
    })
  }

  /** Bring a carveConfig that was cut back to where it began, or to its end when the member is at its place. */
  async #tidyCarve(directory: string, path: string): Promise<void> {
    const aside = `${directory}${ASIDE}`
    this.#known = null
    if (await this.#isSubvolume(path)) await this.#removeTree(aside, `${path}${ASIDE}`)
    else if ((await this.#files.stat(directory)) === null && (await this.#files.stat(aside)) !== null) await this.#files.rename(aside, directory)
    if (!(await this.#isSubvolume(`${path}${COPY}`))) return
    await this.#commands.delete([`${directory}${COPY}`])
    this.#known = null
  }

  /** Remove a directory with the stubs in it, which have device numbers of their own: Files.remove would take them for other filesystems. */
  async #removeTree(directory: string, path: string): Promise<void> {
    if ((await this.#files.stat(directory)) === null) return
    await this.#refuseNested(path)
    await this.#commands.removeTree(directory)
  }

  /** The paths that the mark of the object at a path promises. */
  async #ownPathsAround(path: string): Promise<ReadonlySet<string>> {
    const container = path.split('/').slice(0, 3).join('/')
    const name = container.slice(container.lastIndexOf('/') + 1)
    const mark = container.startsWith(`${TOP}/`) ? await readMark(this.#files, `${await this.#openTop()}/${container}`, { pool: this.pool, name }) : null
    return new Set(mark?.members.map((member) => `${container}/${member.at}`))
  }

  async #takeFromMark(container: string, name: BeName, mountpoint: string): Promise<void> {
    const directory = `${await this.#openTop()}/${container}`
    const mark = await readMark(this.#files, directory, { pool: this.pool, name })
    if (mark?.members.some((member) => member.mountpoint === mountpoint) !== true) return
    await this.#files.writeAtomic(
      `${directory}/${MARK_FILE}`,
      JSON.stringify({ ...mark, members: mark.members.filter((member) => member.mountpoint !== mountpoint) }),
    )
  }

  async #addToMark(container: string, name: BeName, member: Mark['members'][number]): Promise<void> {
    const directory = `${await this.#openTop()}/${container}`
    const mark = await readMark(this.#files, directory, { pool: this.pool, name })
    if (mark === null) throw new RefusedError('not-ours', `${container} does not carry belay’s mark`)
    if (mark.members.some((existing) => existing.at === member.at)) return
    await this.#files.writeAtomic(`${directory}/${MARK_FILE}`, JSON.stringify({ ...mark, members: [...mark.members, member] }))
  }

  async #destroy(kind: ContainerKind, name: GenerationName | BeName | DataName): Promise<void> {
    const top = await this.#openTop()
    const path = containerOf(kind, name)
    const container = `${top}/${path}`
    if ((await this.#files.stat(container)) === null) return
    const mark = await readMark(this.#files, container, { pool: this.pool, name })
    if (mark === null) {
      // A power cut before the mark is in place leaves nothing but a mark under a temporary name; anything else is not ours.
      if ((await this.#files.list(container)).every((entry) => entry.startsWith(`.${MARK_FILE}.`))) return this.#files.remove(container)
      throw new RefusedError('not-ours', `${path} does not carry belay’s mark; it is left alone`, { next: ['belay doctor'], data: { path } })
    }
    this.#known = null
    const inside = (await this.#list()).filter((subvolume) => subvolume.path.startsWith(`${path}/`))
    await this.#refuseMounted(path)
    const own = new Set(mark.members.map((member) => `${path}/${member.at}`))
    for (const foreign of inside.filter((subvolume) => !own.has(subvolume.path)).toSorted(deepFirst)) {
      // systemd-tmpfiles makes empty subvolumes such as /var/lib/portables in a btrfs root; a full one is somebody's.
      if (!(await this.#commands.removeEmpty(`${top}/${foreign.path}`))) {
        throw new RefusedError('in-use', `${foreign.path} is not belay’s and not empty; ${name} stays`, {
          next: [`btrfs subvolume delete /PATH/OF/TOP/${foreign.path}`],
          data: { path: foreign.path },
        })
      }
    }
    await this.#commands.delete(
      inside
        .filter((subvolume) => own.has(subvolume.path))
        .toSorted(deepFirst)
        .map((subvolume) => `${top}/${subvolume.path}`),
    )
    await this.#files.remove(container)
    this.#known = null
  }

  async #refuseMounted(path: string): Promise<void> {
    const mounted = (await this.#mountsOfPool()).find((mount) => mount.root === `/${path}` || mount.root.startsWith(`/${path}/`))
    if (mounted !== undefined) throw new RefusedError('in-use', `${path} is mounted at ${mounted.mountpoint}`, { next: [`umount ${mounted.mountpoint}`] })
  }

  async #mounts(): Promise<readonly Mount[]> {
    return parseMountInfo(await this.#files.readText('/proc/self/mountinfo'))
  }

  /** The kernel names the same device for every mount of a filesystem, whichever was given to mount(8): ours is the one that our own mount has. */
  async #mountsOfPool(): Promise<readonly Mount[]> {
    const top = await this.#openTop()
    const mounts = await this.#mounts()
    const own = mountAt(mounts, top)
    return mounts.filter((mount) => mount.type === 'btrfs' && mount.source === own?.source)
  }
}

const volumeOf = (member: Member | undefined): Volume => {
  if (member === undefined) throw new BugError('a data volume was made without a volume')
  return member.volume
}
