import { NoSpaceError, RefusedError, ToolError } from '../../errors.ts'
import type { Runner } from '../../sys/ports.ts'
import { type Subvolume, parseSubvolumeList } from './subvolume-list.ts'

const BTRFS = '/usr/bin/btrfs'
const CP = '/usr/bin/cp'
const RM = '/usr/bin/rm'
const CHMOD = '/usr/bin/chmod'
const RMDIR = '/usr/bin/rmdir'
const MOUNT = '/usr/bin/mount'
const UMOUNT = '/usr/bin/umount'

const LONGEST_WAIT_MS = 60_000

/** The only module that runs btrfs and mounts subvolumes; what these tools print on failure becomes a typed error here. */
export class BtrfsCommands {
  readonly #runner: Runner

  constructor(runner: Runner) {
    this.#runner = runner
  }

  /** All subvolumes of the filesystem whose top level is mounted at a directory. */
  async list(top: string): Promise<Subvolume[]> {
    return parseSubvolumeList((await this.#btrfs(['subvolume', 'list', '-u', '-q', '--', top])).stdout)
  }

  /** The destination must not exist: btrfs would put the snapshot inside it. Durable on return. */
  async snapshot(source: string, destination: string, readOnly: boolean): Promise<void> {
    await this.#btrfs(['subvolume', 'snapshot', ...(readOnly ? ['-r'] : []), '--', source, destination])
  }

  async create(path: string): Promise<void> {
    await this.#btrfs(['subvolume', 'create', '--', path])
  }

  /** btrfs makes subvolumes with mode 0755; this one is for root alone. */
  async createPrivate(path: string): Promise<void> {
    await this.create(path)
    await this.#mapped(CHMOD, ['0700', '--', path])
  }

  /** Delete subvolumes in the order given; without the commit a power cut would bring them back (btrfs-progs 6.2). */
  async delete(paths: readonly string[]): Promise<void> {
    if (paths.length > 0) await this.#btrfs(['subvolume', 'delete', '--commit-after', '--', ...paths])
  }

  /** The kernel takes deleted subvolumes apart in the background, and one more commit makes their room usable. @returns false when it takes longer, which is no failure */
  async awaitDeleted(top: string): Promise<boolean> {
    const isDone = await this.#runner.run(BTRFS, ['subvolume', 'sync', top], { timeoutMs: LONGEST_WAIT_MS }).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof ToolError)) throw error
        return false
      },
    )
    await this.sync(top)
    return isDone
  }

  async sync(path: string): Promise<void> {
    await this.#btrfs(['filesystem', 'sync', path])
  }

  /** Copy a directory with all attributes, sharing extents where source and target are of one filesystem. */
  async copyTree(from: string, to: string): Promise<void> {
    await this.#mapped(CP, ['--archive', '--no-target-directory', '--reflink=auto', '--one-file-system', '--', from, to])
  }

  /** Remove an empty directory, also the stub that a snapshot has where its origin had a nested subvolume. False when it is not empty. */
  async removeEmpty(path: string): Promise<boolean> {
    const result = await this.#runner.run(RMDIR, ['--', path], { expect: [0, 1] })
    return result.status === 0
  }

  /** Remove a directory that holds no subvolume. */
  async removeTree(path: string): Promise<void> {
    await this.#mapped(RM, ['--recursive', '--force', '--', path])
  }

  async mountTopLevel(device: string, directory: string): Promise<void> {
    await this.#mapped(MOUNT, ['-t', 'btrfs', '-o', 'subvolid=5,nosuid,nodev', '--', device, directory])
  }

  /** Lazily, so that a process that stands in it cannot keep it in the file tree. */
  async unmount(directory: string): Promise<void> {
    await this.#mapped(UMOUNT, ['--lazy', '--', directory])
  }

  #btrfs(args: string[]) {
    return this.#mapped(BTRFS, args)
  }

  async #mapped(tool: string, args: string[]) {
    try {
      return await this.#runner.run(tool, args)
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      if (/No space left on device|Disk quota exceeded/.test(error.stderr)) {
        throw new NoSpaceError('the btrfs pool is full', { cause: error, next: ['belay prune', 'belay delete ID'], data: { where: 'pool' } })
      }
      // The default subvolume (btrfs-progs 6.2 looks itself), and one with an active swap file (fs/btrfs/inode.c, Linux 6.12).
      if (args[1] === 'delete' && /not deleting default subvolume|Operation not permitted/.test(error.stderr)) {
        throw new RefusedError('in-use', `the kernel does not let go of ${args.at(-1) ?? tool}: it is the default subvolume, or holds a swap file in use`, {
          cause: error,
          next: ['btrfs subvolume get-default /', 'swapon --show'],
        })
      }
      if (/Directory not empty|Device or resource busy/.test(error.stderr)) {
        throw new RefusedError('in-use', `${args.at(-1) ?? tool} is in use or holds subvolumes of its own`, {
          cause: error,
          next: ['btrfs subvolume list /', 'findmnt -t btrfs'],
        })
      }
      // What Linux says of a subvolume in which a swap file is active (fs/btrfs/ioctl.c, create_snapshot; seen on 6.18).
      if (error.stderr.includes('Text file busy')) {
        throw new RefusedError('swap-file', 'a swap file is in use inside root or the configuration, and btrfs takes no snapshot of what holds one', {
          cause: error,
          next: ['swapon --show   (names it)', 'swapoff FILE, and put it on a partition or a subvolume of its own'],
        })
      }
      throw error
    }
  }
}
