import { realpath, readdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTool } from '../run-tool.ts'
import { detachLoop, findLoops } from './loop-device.ts'
import type { Mount } from '../../src/sys/mount-table.ts'
import { isWithin, readMounts } from './mount-table.ts'

const UMOUNT = '/usr/bin/umount'
const SYNC = '/usr/bin/sync'
const BTRFS = '/usr/bin/btrfs'

/** What was still there. */
export interface Released {
  readonly processes: readonly number[]
  readonly mounts: readonly string[]
  readonly loops: readonly string[]
}

/**
 * Gives back all that the kernel holds for images below a directory: ends processes whose root is on one of them, unmounts them wherever they are mounted,
 * and whatever is mounted below the directory, and detaches their loop devices. Nothing else is touched. Fine when there is nothing.
 */
export async function releaseImages(directory: string): Promise<Released> {
  const real = await realpath(directory).catch(() => directory)
  const loops = await findLoops((file) => isWithin(file, real))
  const processes = await endProcessesOn(loops)
  const mounts = await unmountAll((mount) => loops.includes(mount.source) || isWithin(mount.mountpoint, real))
  for (const loop of loops) await releaseLoop(loop)
  return { processes, mounts, loops }
}

/** Detaches a loop device that is not mounted any more; another one may then show a copy of its filesystem. */
export async function releaseLoop(device: string): Promise<void> {
  await runTool(BTRFS, ['device', 'scan', '--forget', device], { expect: [0, 1] })
  await detachLoop(device)
}

/** Unmounts, last mounted first, what is selected; a filesystem that is still in use leaves the tree at once and ends with its last user. */
export async function unmountAll(selects: (mount: Mount) => boolean): Promise<string[]> {
  const mountpoints = (await readMounts()).filter(selects).map(({ mountpoint }) => mountpoint)
  for (const mountpoint of mountpoints.reverse()) {
    // Unmounting writes nothing out while a mount namespace of another process has a copy of the mount; whoever reads the image next needs all of it.
    await runTool(SYNC, ['--file-system', '--', mountpoint], { expect: [0, 1] })
    const { status } = await runTool(UMOUNT, ['--', mountpoint], { expect: [0, 1, 32] })
    if (status !== 0 && (await readMounts()).some((mount) => mount.mountpoint === mountpoint)) await runTool(UMOUNT, ['--lazy', '--', mountpoint])
  }
  return mountpoints
}

/** A process in a chroot sees its root as a mount at /; on one of these devices it can only be one that was run in the appliance. */
async function findProcessesOn(loops: readonly string[]): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const isOn = await Promise.all(
    pids.map(async (pid) => (await readMounts(pid)).some(({ mountpoint, source }) => mountpoint === '/' && loops.includes(source))),
  )
  return pids.filter((_, index) => isOn[index])
}

async function endProcessesOn(loops: readonly string[]): Promise<number[]> {
  if (loops.length === 0) return []
  const ended = new Set<number>()
  for (let tries = 0; tries < 100; tries++) {
    const found = await findProcessesOn(loops)
    if (found.length === 0) break
    for (const pid of found) {
      ended.add(pid)
      kill(pid)
    }
    await sleep(20)
  }
  return [...ended]
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
