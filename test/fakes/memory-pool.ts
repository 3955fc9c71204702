import type { Volume } from '../../src/snap/model.ts'
import type { MemoryFiles } from './memory-files.ts'
import { MemoryVolume } from './memory-volume.ts'
import { Lifespan } from './process-death.ts'

/** What a mark promises of an object: its volumes by their paths. */
export interface MemoryMark {
  readonly kind: 'generation' | 'be' | 'data' | 'state'
  readonly paths: readonly string[]
}

const MOUNT_TABLE = '/proc/self/mountinfo'

/**
 * The disk: volumes in MemoryFiles below one directory, marks beside them, and what is mounted where. It outlives a driver, as a disk outlives a process.
 */
export class MemoryPool {
  readonly id: string
  /** Where all volumes can be reached; paths of the pool are relative to it. */
  readonly top: string
  readonly files: MemoryFiles
  readonly life: Lifespan
  readonly marks = new Map<string, MemoryMark>()
  /** GUIDs of volumes that are mounted by a property of their own. */
  readonly selfMounting = new Set<string>()
  /** GUIDs of volumes that the kernel does not let go of, which nothing says beforehand. */
  readonly busy = new Set<string>()
  readonly #paths = new Map<number, string>()
  readonly #mounts = new Map<string, number>()
  /** Mounts that are in the mount table alone. */
  readonly #shown = new Map<string, number>()

  constructor(files: MemoryFiles, life = new Lifespan(), id = '6f0c1c9e-0000-4000-8000-000000000001') {
    this.files = files
    this.life = life
    this.id = id
    this.top = `/pool-${id.slice(-4)}`
    files.makeVolume(this.top)
  }

  /** Called before everything that changes the disk. */
  change(): void {
    this.life.change()
  }

  at(path: string): string {
    return `${this.top}/${path}`
  }

  /** The path in the pool of a directory below its top, or below where one of its volumes is mounted. */
  pathOf(directory: string): string {
    if (directory.startsWith(`${this.top}/`)) return directory.slice(this.top.length + 1)
    for (const [mountpoint, device] of this.#mounts) {
      if (directory.startsWith(`${mountpoint}/`)) return `${this.#paths.get(device) ?? ''}${directory.slice(mountpoint.length)}`
    }
    throw new Error(`${directory} is not in the pool`)
  }

  async make(path: string): Promise<void> {
    this.change()
    this.files.makeVolume(this.at(path))
    await this.#learn(path)
  }

  async snapshot(from: string, to: string, readOnly: boolean): Promise<void> {
    this.change()
    this.files.snapshotTree(this.at(from), this.at(to), { readOnly })
    await this.#learn(to)
  }

  /** Turn a plain directory into a volume with the same content, at the same place. */
  async convert(path: string): Promise<void> {
    this.change()
    const aside = this.at('converted')
    this.files.snapshotTree(this.at(path), aside)
    this.files.removeTree(this.at(path))
    this.files.mountTree(aside, this.at(path))
    this.files.removeTree(aside)
    await this.#learn(path)
  }

  delete(path: string): void {
    this.change()
    this.files.removeTree(this.at(path))
  }

  async volumes(): Promise<readonly Volume[]> {
    const alive: Volume[] = []
    for (const [device, path] of this.#paths) if ((await this.#deviceAt(path)) === device) alive.push(this.#volume(device, path))
    return alive
  }

  async volumeAtPath(path: string): Promise<Volume | null> {
    const device = await this.#deviceAt(path)
    return device === null ? null : this.#volume(device, path)
  }

  async mountedAt(directory: string): Promise<Volume | null> {
    const device = this.#mounts.get(directory) ?? this.#shown.get(directory)
    return (await this.volumes()).find((volume) => volume.guid === guidOf(device ?? -1)) ?? null
  }

  async mountpointOf(volume: Volume): Promise<string | null> {
    const [mountpoint] = [...this.#mounts].find(([, device]) => guidOf(device) === volume.guid) ?? []
    return Promise.resolve(mountpoint ?? null)
  }

  /** Show a volume at a directory that does not exist, or that shows another volume of the pool now. */
  async mount(volume: Volume, directory: string): Promise<void> {
    const [device, path] = [...this.#paths].find(([candidate]) => guidOf(candidate) === volume.guid) ?? []
    if (device === undefined || path === undefined) throw new Error(`${volume.locator} is not in the pool`)
    this.files.removeTree(directory)
    this.files.mountTree(this.at(path), directory)
    this.#mounts.set(directory, device)
    await this.#writeMountTable()
  }

  /** What the mount table says of data; its content is not seen there. */
  async showAt(mounts: ReadonlyMap<string, Volume>): Promise<void> {
    this.#shown.clear()
    for (const [directory, volume] of mounts) {
      const [device] = [...this.#paths].find(([candidate]) => guidOf(candidate) === volume.guid) ?? []
      if (device !== undefined) this.#shown.set(directory, device)
    }
    await this.#writeMountTable()
  }

  async unmount(directory: string): Promise<void> {
    this.files.removeTree(directory)
    this.#mounts.delete(directory)
    await this.#writeMountTable()
  }

  async #writeMountTable(): Promise<void> {
    const lines = [...this.#mounts].flatMap(([directory, device]) => [
      `40 1 0:31 /${this.#paths.get(device) ?? ''} ${directory} rw - btrfs /dev/memory rw`,
      `41 40 0:32 / ${directory}/boot/grub rw - ext4 /dev/grub rw`,
    ])
    for (const [directory, device] of this.#shown) lines.push(`42 40 0:31 /${this.#paths.get(device) ?? ''} ${directory} rw - btrfs /dev/memory rw`)
    await this.files.makeDirectory('/proc/self')
    await this.files.writeAtomic(MOUNT_TABLE, `${lines.join('\n')}\n`)
  }

  #volume(device: number, path: string): Volume {
    return { pool: this.id, guid: guidOf(device), locator: path }
  }

  async #learn(path: string): Promise<void> {
    const device = await this.#deviceAt(path)
    if (device === null) throw new Error(`${path} is not a volume`)
    this.#paths.set(device, path)
  }

  async #deviceAt(path: string): Promise<number | null> {
    const stat = await this.files.stat(this.at(path))
    return stat?.inode === MemoryVolume.ROOT ? stat.device : null
  }
}

const guidOf = (device: number): string => `00000000-0000-4000-9000-${device.toString(16).padStart(12, '0')}`
