import { basename } from 'node:path'
import { NotFoundError, RefusedError } from './errors.ts'
import { BtrfsDriver } from './snap/btrfs/btrfs-driver.ts'
import type { Driver } from './snap/driver.ts'
import type { Target } from './snap/target.ts'
import { readHostid } from './snap/zfs/hostid.ts'
import { nameInDataset } from './snap/zfs/work-mounts.ts'
import { ZfsCommands } from './snap/zfs/zfs-commands.ts'
import { ZfsDriver } from './snap/zfs/zfs-driver.ts'
import { type Mount, mountAt, parseMountInfo } from './sys/mount-table.ts'
import type { Files, Runner } from './sys/ports.ts'

const FINDMNT = '/usr/bin/findmnt'
const BTRFS_IN_SYSFS = '/sys/fs/btrfs'

interface Opening {
  readonly files: Files
  readonly runner: Runner
  readonly workDirectory: string
  readonly target: Target
}

/** The driver for each filesystem that can snapshot a root. */
const OPEN: Readonly<Record<string, (opening: Opening, root: Mount) => Promise<Driver>>> = {
  async btrfs({ files, runner, workDirectory }, root) {
    return new BtrfsDriver({ files, runner, pool: await filesystemUuid(files, runner, root), device: root.source, workDirectory })
  },
  async zfs({ files, runner, workDirectory, target }, { source }) {
    const [poolName = ''] = source.split('/')
    const pool = await new ZfsCommands(runner).poolGuid(poolName)
    const environments = source.slice(0, Math.max(source.lastIndexOf('/'), poolName.length))
    return new ZfsDriver({ files, runner, pool, poolName, environments, hostid: await readHostid(files, target), workDirectory })
  },
}

/** The driver for the filesystem that is mounted at the target's root. @throws NotFoundError, RefusedError `layout/filesystem` */
export const openDriver = async (opening: Opening): Promise<Driver> => {
  const { target } = opening
  const root = mountAt(parseMountInfo(await opening.files.readText('/proc/self/mountinfo')), target.root)
  if (root === null) {
    throw new NotFoundError(`nothing is mounted at ${target.root}`, {
      next: ['mount the appliance’s root there first, with its GRUB partition at boot/grub below it'],
      data: { root: target.root },
    })
  }
  const open = OPEN[root.type]
  if (open !== undefined) return open(opening, root)
  throw new RefusedError('layout/filesystem', `the root at ${target.root} is ${root.type}; belay needs a filesystem that can snapshot it`, {
    next: [
      'install the appliance on a btrfs root (the Debian installer offers it), with a small ext4 at /boot/grub',
      'or on a ZFS root as the OpenZFS guide for Debian has it, with a small ext4 at /boot/grub instead of the pool for /boot',
    ],
    data: { type: root.type },
  })
}

/** Where belay mounts the pool for itself is of no use to a reader: it is gone when the message is read. */
export const nameOnPool = (workDirectory: string, path: string): string => {
  const top = `${workDirectory}/top/`
  return path.startsWith(top) ? `${path.slice(top.length)} on the pool` : (nameInDataset(workDirectory, path) ?? path)
}

/** The kernel lists the devices of each mounted btrfs by its UUID; findmnt, which is slower, knows it where /sys is not mounted. */
const filesystemUuid = async (files: Files, runner: Runner, mount: Mount): Promise<string> => {
  if (/^\/dev\/[^/]+$/.test(mount.source) && (await files.stat(BTRFS_IN_SYSFS)) !== null) {
    for (const name of await files.list(BTRFS_IN_SYSFS)) {
      if (/^[0-9a-f-]{36}$/.test(name) && (await files.stat(`${BTRFS_IN_SYSFS}/${name}/devices/${basename(mount.source)}`)) !== null) return name
    }
  }
  const { stdout } = await runner.run(FINDMNT, ['--noheadings', '--first-only', '--output', 'UUID', '--mountpoint', mount.mountpoint])
  return stdout.trim()
}
