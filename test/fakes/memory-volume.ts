import type { EntryStat } from '../../src/sys/ports.ts'

interface Common {
  readonly mode: number
  /** Root where it is left out. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  readonly links: number
  readonly mtime: number
  readonly ctime: number
}
export type FileNode = Common & { readonly kind: 'file'; readonly content: Buffer }
export type SymlinkNode = Common & { readonly kind: 'symlink'; readonly target: string }
/** An entry is an inode of the same volume, or the root of another volume that is attached there. */
export type DirectoryNode = Common & { readonly kind: 'directory'; readonly entries: ReadonlyMap<string, number | MemoryVolume> }
export type MemoryNode = FileNode | SymlinkNode | DirectoryNode

let devices = 0
let ticks = 0

/** A later time with each call, so that a test sees what changed. */
export const tick = (): number => (ticks += 1)

/** One filesystem or subvolume: a table of immutable nodes, so that a snapshot is a copy of the table. */
export class MemoryVolume {
  static readonly ROOT = 256
  readonly device = (devices += 1)
  readonly #nodes: Map<number, MemoryNode>
  #next: number
  readOnly = false

  /** Empty, or a snapshot of the directory `root` of another volume. */
  constructor(from?: { readonly volume: MemoryVolume; readonly root: number }) {
    this.#nodes = new Map()
    this.#next = MemoryVolume.ROOT + 1
    if (from === undefined) {
      this.#nodes.set(MemoryVolume.ROOT, emptyDirectory(0o755))
      return
    }
    this.#next = from.volume.#next
    this.#copy(from.volume, from.root, MemoryVolume.ROOT)
  }

  node(inode: number): MemoryNode {
    const node = this.#nodes.get(inode)
    if (node === undefined) throw new Error(`memory volume has no inode ${String(inode)}`)
    return node
  }

  nodes(): Iterable<MemoryNode> {
    return this.#nodes.values()
  }

  set(inode: number, node: MemoryNode): void {
    this.#nodes.set(inode, node)
  }

  add(node: MemoryNode): number {
    const inode = this.#next
    this.#next += 1
    this.#nodes.set(inode, node)
    return inode
  }

  /** Inode numbers stay what they were, as in a btrfs snapshot; and as there, an empty directory stands where another volume was attached. */
  #copy(source: MemoryVolume, from: number, to: number): void {
    const node = source.node(from)
    this.#nodes.set(to, node)
    if (node.kind !== 'directory') return
    const entries = new Map(node.entries)
    for (const [name, entry] of node.entries) {
      if (entry instanceof MemoryVolume) entries.set(name, this.add(emptyDirectory(0o755)))
      else this.#copy(source, entry, entry)
    }
    this.#nodes.set(to, { ...node, entries })
  }

  /** Takes one link away from a file, and the node with the last. */
  unlink(inode: number): void {
    const node = this.node(inode)
    if (node.links > 1) this.#nodes.set(inode, { ...node, links: node.links - 1, ctime: tick() })
    else this.#nodes.delete(inode)
  }

  stat(inode: number): EntryStat {
    const node = this.node(inode)
    const size = node.kind === 'file' ? node.content.length : node.kind === 'symlink' ? Buffer.byteLength(node.target) : node.entries.size
    const { kind, mode, links, owner = { uid: 0, gid: 0 } } = node
    return { kind, size, mode, ...owner, inode, device: this.device, links, mtimeNs: String(node.mtime), ctimeNs: String(node.ctime) }
  }
}

export function emptyDirectory(mode: number): DirectoryNode {
  const now = tick()
  return { kind: 'directory', entries: new Map(), mode, links: 1, mtime: now, ctime: now }
}
