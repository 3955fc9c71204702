import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { InvalidFileError, NoSpaceError, NotFoundError, RefusedError } from '../../src/errors.ts'
import type { EntryStat, Files, FilesystemSpace } from '../../src/sys/ports.ts'
import { emptyDirectory, MemoryVolume, tick, type DirectoryNode, type MemoryNode } from './memory-volume.ts'

/** Where a path leads: the directory that holds the name, and what the name stands for (undefined: nothing yet). */
interface Place {
  readonly volume: MemoryVolume
  readonly parent: number
  readonly name: string
  readonly entry: number | MemoryVolume | undefined
}

interface MemoryFilesOptions {
  /** Called before each operation of the port; may throw to simulate a fault. */
  readonly before?: (operation: keyof Files, path: string) => void
}

const UNLIMITED = 2 ** 50

const systemError = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code, path })

/** Files in memory, with volumes (subvolumes, datasets) that can be snapshotted, mounted elsewhere, made read-only and filled up. */
export class MemoryFiles implements Files {
  readonly #root = new MemoryVolume()
  readonly #before: (operation: keyof Files, path: string) => void
  readonly #limits = new Map<string, { readonly total: number; readonly inodes: number }>()

  constructor({ before = () => undefined }: MemoryFilesOptions = {}) {
    this.#before = before
  }

  // What only the fake has, for tests and fake drivers.

  /** Attach an empty volume at a path that does not exist; its parents are made. */
  makeVolume(path: string): void {
    this.#attach(path, new MemoryVolume())
  }

  /** Attach a copy of a directory as a volume of its own. Volumes attached below it are empty directories in the copy, as in btrfs. */
  snapshotTree(from: string, to: string, options: { readonly readOnly?: boolean } = {}): void {
    const { volume, inode } = this.#at(from)
    const copy = new MemoryVolume({ volume, root: inode })
    copy.readOnly = options.readOnly ?? false
    this.#attach(to, copy)
  }

  /** Show the volume whose root is `from` at a second path. */
  mountTree(from: string, at: string): void {
    this.#attach(at, this.#volumeAt(from))
  }

  setReadOnly(path: string, readOnly: boolean): void {
    this.#volumeAt(path).readOnly = readOnly
  }

  /** Take away whatever is at a path, volumes below it included; fine when missing. */
  removeTree(path: string): void {
    const place = this.#placeOrNull(path, false)
    if (place?.entry === undefined) return
    this.#setEntry(place, undefined)
    if (!(place.entry instanceof MemoryVolume)) this.#dropTree(place.volume, place.entry)
  }

  /** Give the subtree at a path only so many bytes and inodes; writes beyond fail as on a full filesystem. */
  limitSpace(path: string, total: number, inodes: number = UNLIMITED): void {
    this.#limits.set(posix.normalize(path), { total, inodes })
  }

  /** Every path below a directory with its text (directories and links as `null`), for assertions about whole trees. */
  dump(path: string): Record<string, string | null> {
    const found: Record<string, string | null> = {}
    const visit = (volume: MemoryVolume, inode: number, at: string): void => {
      const node = volume.node(inode)
      found[at] = node.kind === 'file' ? node.content.toString('utf8') : null
      if (node.kind !== 'directory') return
      for (const [name, entry] of [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (entry instanceof MemoryVolume) visit(entry, MemoryVolume.ROOT, posix.join(at, name))
        else visit(volume, entry, posix.join(at, name))
      }
    }
    const { volume, inode } = this.#at(path)
    visit(volume, inode, posix.normalize(path))
    return found
  }

  // The port.

  readText(path: string): Promise<string> {
    return this.#operation('readText', path, () => this.#content(path).toString('utf8'))
  }

  readBytes(path: string, range?: { readonly offset: number; readonly length: number }): Promise<Buffer> {
    return this.#operation('readBytes', path, () => {
      const content = this.#content(path)
      return Buffer.from(range === undefined ? content : content.subarray(range.offset, range.offset + range.length))
    })
  }

  writeAtomic(path: string, content: string | Uint8Array, mode = 0o600, owner?: { readonly uid: number; readonly gid: number }): Promise<void> {
    return this.#operation('writeAtomic', path, () => {
      this.#putFile(path, Buffer.from(content), mode, owner)
    })
  }

  overwriteInPlace(path: string, content: Uint8Array): Promise<void> {
    return this.#operation('overwriteInPlace', path, () => {
      const { volume, inode } = this.#at(path)
      const old = this.#content(path)
      this.#refuseReadOnly(volume, path)
      if (old.length < content.length) throw new InvalidFileError(`${path} has ${String(old.length)} bytes, too few to hold ${String(content.length)} in place`)
      this.#setContent(volume, inode, Buffer.concat([content, old.subarray(content.length)]))
    })
  }

  append(path: string, content: string): Promise<void> {
    return this.#operation('append', path, () => {
      const { volume, entry } = this.#place(path, true)
      if (entry === undefined) {
        this.#putFile(path, Buffer.from(content), 0o600)
        return
      }
      const old = this.#content(path)
      this.#refuseReadOnly(volume, path)
      this.#refuseFull(path, Buffer.byteLength(content), 0)
      if (typeof entry === 'number') this.#setContent(volume, entry, Buffer.concat([old, Buffer.from(content)]))
    })
  }

  list(path: string): Promise<string[]> {
    return this.#operation('list', path, () => [...this.#directory(path).entries.keys()].sort())
  }

  stat(path: string): Promise<EntryStat | null> {
    return this.#operation('stat', path, () => {
      const place = this.#placeOrNull(path, false)
      if (place?.entry === undefined) return null
      return place.entry instanceof MemoryVolume ? place.entry.stat(MemoryVolume.ROOT) : place.volume.stat(place.entry)
    })
  }

  makeDirectory(path: string, mode = 0o700): Promise<void> {
    return this.#operation('makeDirectory', path, () => {
      this.#ensureDirectory(posix.normalize(path), mode)
    })
  }

  link(from: string, to: string): Promise<void> {
    return this.#operation('link', to, () => {
      const source = this.#existing(from, false)
      const target = this.#place(to, false)
      if (source.entry instanceof MemoryVolume || target.volume !== source.volume) throw systemError('EXDEV', to)
      const node = source.volume.node(source.entry)
      if (node.kind === 'directory') throw systemError('EPERM', from)
      if (target.entry === source.entry) return
      source.volume.set(source.entry, { ...node, links: node.links + 1, ctime: tick() })
      this.#replace(target, source.entry, to)
    })
  }

  copy(from: string, to: string, mode?: number): Promise<void> {
    return this.#operation('copy', to, () => {
      const content = this.#content(from)
      const { volume, inode } = this.#at(from)
      this.#putFile(to, content, mode ?? volume.node(inode).mode)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#operation('rename', to, () => {
      const source = this.#existing(from, false)
      const target = this.#place(to, false)
      if (source.volume !== target.volume) throw systemError('EXDEV', to)
      if (source.entry === target.entry) return
      if (`${posix.normalize(to)}/`.startsWith(`${posix.normalize(from)}/`)) throw systemError('EINVAL', to)
      this.#replace(target, source.entry, to)
      this.#setEntry(source, undefined)
    })
  }

  remove(path: string): Promise<void> {
    return this.#operation('remove', path, () => {
      const place = this.#placeOrNull(path, false)
      if (place?.entry === undefined) return
      const crossing = place.entry instanceof MemoryVolume ? path : this.#nestedVolume(place.volume, place.entry, path)
      this.#refuseReadOnly(place.volume, path)
      if (crossing !== null) throw new RefusedError('filesystem-boundary', `${crossing} is another filesystem or subvolume`, { data: { path: crossing } })
      this.removeTree(path)
    })
  }

  readLink(path: string): Promise<string> {
    return this.#operation('readLink', path, () => {
      const { volume, entry } = this.#existing(path, false)
      const node = entry instanceof MemoryVolume ? entry.node(MemoryVolume.ROOT) : volume.node(entry)
      if (node.kind !== 'symlink') throw systemError('EINVAL', path)
      return node.target
    })
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#operation('symlink', path, () => {
      const place = this.#place(path, false)
      if (place.entry !== undefined) throw systemError('EEXIST', path)
      this.#refuseReadOnly(place.volume, path)
      this.#refuseFull(path, 0, 1)
      const now = tick()
      this.#setEntry(place, place.volume.add({ kind: 'symlink', target, mode: 0o777, links: 1, mtime: now, ctime: now }))
    })
  }

  sha256(path: string): Promise<string> {
    return this.#operation('sha256', path, () => createHash('sha256').update(this.#content(path)).digest('hex'))
  }

  space(path: string): Promise<FilesystemSpace> {
    return this.#operation('space', path, () => {
      this.#at(path)
      return this.#spaceOf(path)
    })
  }

  preallocate(path: string, bytes: number): Promise<void> {
    return this.#operation('preallocate', path, () => {
      this.#putFile(path, Buffer.alloc(bytes), 0o600)
    })
  }

  // Paths.

  #operation<T>(operation: keyof Files, path: string, act: () => T): Promise<T> {
    try {
      this.#before(operation, path)
      return Promise.resolve(act())
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #place(path: string, followLast: boolean, depth = 0): Place {
    if (!path.startsWith('/')) throw new Error(`${path} is not absolute`)
    if (depth > 40) throw systemError('ELOOP', path)
    const names = posix.normalize(path).split('/').filter(Boolean)
    let place: Place = { volume: this.#root, parent: MemoryVolume.ROOT, name: '', entry: this.#root }
    for (const [index, name] of names.entries()) {
      if (place.entry === undefined) throw missing(path)
      const [volume, inode] = place.entry instanceof MemoryVolume ? [place.entry, MemoryVolume.ROOT] : [place.volume, place.entry]
      const directory = volume.node(inode)
      if (directory.kind !== 'directory') throw systemError('ENOTDIR', path)
      place = { volume, parent: inode, name, entry: directory.entries.get(name) }
      const last = index === names.length - 1
      const node = typeof place.entry === 'number' ? volume.node(place.entry) : undefined
      if (node?.kind === 'symlink' && (followLast || !last)) {
        const target = posix.resolve('/', ...names.slice(0, index), node.target)
        return this.#place(posix.join(target, ...names.slice(index + 1)), followLast, depth + 1)
      }
    }
    return place
  }

  #placeOrNull(path: string, followLast: boolean): Place | null {
    try {
      return this.#place(path, followLast)
    } catch (error) {
      if (error instanceof NotFoundError || (error instanceof Error && 'code' in error && error.code === 'ENOTDIR')) return null
      throw error
    }
  }

  #existing(path: string, followLast: boolean): Place & { readonly entry: number | MemoryVolume } {
    const place = this.#place(path, followLast)
    if (place.entry === undefined) throw missing(path)
    return { ...place, entry: place.entry }
  }

  #at(path: string): { readonly volume: MemoryVolume; readonly inode: number } {
    const { volume, entry } = this.#existing(path, true)
    return entry instanceof MemoryVolume ? { volume: entry, inode: MemoryVolume.ROOT } : { volume, inode: entry }
  }

  #volumeAt(path: string): MemoryVolume {
    const { entry } = this.#existing(path, true)
    if (!(entry instanceof MemoryVolume)) throw new Error(`${path} is not the root of a volume; makeVolume or snapshotTree makes one`)
    return entry
  }

  #directory(path: string): DirectoryNode {
    const { volume, inode } = this.#at(path)
    const node = volume.node(inode)
    if (node.kind !== 'directory') throw systemError('ENOTDIR', path)
    return node
  }

  #content(path: string): Buffer {
    const { volume, inode } = this.#at(path)
    const node = volume.node(inode)
    if (node.kind !== 'file') throw systemError('EISDIR', path)
    return node.content
  }

  // Changes.

  #ensureDirectory(path: string, mode: number): void {
    const place = this.#placeOrNull(path, true)
    if (place?.entry !== undefined) {
      const node = place.entry instanceof MemoryVolume ? undefined : place.volume.node(place.entry)
      if (node !== undefined && node.kind !== 'directory') throw systemError('EEXIST', path)
      return
    }
    this.#ensureDirectory(posix.dirname(path), mode)
    const fresh = this.#place(path, true)
    this.#refuseReadOnly(fresh.volume, path)
    this.#refuseFull(path, 0, 1)
    this.#setEntry(fresh, fresh.volume.add(emptyDirectory(mode)))
  }

  #attach(path: string, volume: MemoryVolume): void {
    this.#ensureDirectory(posix.dirname(path), 0o755)
    const place = this.#place(path, false)
    if (place.entry !== undefined) throw systemError('EEXIST', path)
    this.#setEntry(place, volume)
  }

  #putFile(path: string, content: Buffer, mode: number, owner?: { readonly uid: number; readonly gid: number }): void {
    const place = this.#place(path, false)
    this.#refuseReadOnly(place.volume, path)
    this.#refuseFull(path, content.length, 1)
    const now = tick()
    this.#replace(place, place.volume.add({ kind: 'file', content: Buffer.from(content), mode, owner, links: 1, mtime: now, ctime: now }), path)
  }

  #setContent(volume: MemoryVolume, inode: number, content: Buffer): void {
    const node = volume.node(inode)
    const now = tick()
    if (node.kind === 'file') volume.set(inode, { ...node, content, mtime: now, ctime: now })
  }

  /** What rename(2) does to the target name. */
  #replace(place: Place, entry: number | MemoryVolume, path: string): void {
    this.#refuseReadOnly(place.volume, path)
    const old = place.entry
    const isDirectory = entry instanceof MemoryVolume || place.volume.node(entry).kind === 'directory'
    const oldNode: MemoryNode | undefined = old === undefined ? undefined : old instanceof MemoryVolume ? old.node(MemoryVolume.ROOT) : place.volume.node(old)
    if (old instanceof MemoryVolume) throw systemError('EBUSY', path)
    if (oldNode?.kind === 'directory' && !isDirectory) throw systemError('EISDIR', path)
    if (oldNode !== undefined && oldNode.kind !== 'directory' && isDirectory) throw systemError('ENOTDIR', path)
    if (oldNode?.kind === 'directory' && oldNode.entries.size > 0) throw systemError('ENOTEMPTY', path)
    this.#setEntry(place, entry)
    if (old !== undefined) place.volume.unlink(old)
  }

  #setEntry(place: Place, entry: number | MemoryVolume | undefined): void {
    if (place.name === '') throw systemError('EBUSY', '/')
    const parent = place.volume.node(place.parent)
    if (parent.kind !== 'directory') throw systemError('ENOTDIR', place.name)
    const entries = new Map(parent.entries)
    if (entry === undefined) entries.delete(place.name)
    else entries.set(place.name, entry)
    const now = tick()
    place.volume.set(place.parent, { ...parent, entries, mtime: now, ctime: now })
  }

  #dropTree(volume: MemoryVolume, inode: number): void {
    const node = volume.node(inode)
    if (node.kind === 'directory') for (const entry of node.entries.values()) if (typeof entry === 'number') this.#dropTree(volume, entry)
    volume.unlink(inode)
  }

  #nestedVolume(volume: MemoryVolume, inode: number, path: string): string | null {
    const node = volume.node(inode)
    if (node.kind !== 'directory') return null
    for (const [name, entry] of node.entries) {
      const inner = entry instanceof MemoryVolume ? posix.join(path, name) : this.#nestedVolume(volume, entry, posix.join(path, name))
      if (inner !== null) return inner
    }
    return null
  }

  // Refusals.

  #refuseReadOnly(volume: MemoryVolume, path: string): void {
    if (volume.readOnly) throw systemError('EROFS', path)
  }

  #refuseFull(path: string, bytes: number, inodes: number): void {
    const { free, freeInodes } = this.#spaceOf(path)
    if (bytes > free || inodes > freeInodes) throw new NoSpaceError(`no space left for ${path}`, { data: { path } })
  }

  #spaceOf(path: string): FilesystemSpace {
    const wanted = `${posix.normalize(path)}/`
    const limited = [...this.#limits].filter(([prefix]) => wanted.startsWith(prefix === '/' ? '/' : `${prefix}/`)).sort(([a], [b]) => b.length - a.length)[0]
    if (limited === undefined) return { free: UNLIMITED, total: UNLIMITED, freeInodes: UNLIMITED }
    const [prefix, { total, inodes }] = limited
    const used = this.#used(prefix)
    return { free: Math.max(0, total - used.bytes), total, freeInodes: Math.max(0, inodes - used.inodes) }
  }

  #used(path: string): { readonly bytes: number; readonly inodes: number } {
    const { volume, inode } = this.#at(path)
    const seen = new Set<string>()
    let bytes = 0
    const visit = (at: MemoryVolume, number: number): void => {
      const key = `${String(at.device)}:${String(number)}`
      if (seen.has(key)) return
      seen.add(key)
      const node = at.node(number)
      if (node.kind === 'file') bytes += node.content.length
      if (node.kind !== 'directory') return
      for (const entry of node.entries.values()) {
        if (entry instanceof MemoryVolume) visit(entry, MemoryVolume.ROOT)
        else visit(at, entry)
      }
    }
    visit(volume, inode)
    return { bytes, inodes: seen.size }
  }
}

const missing = (path: string): NotFoundError => new NotFoundError(`${path} does not exist`, { data: { path } })
