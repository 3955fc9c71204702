import { constants } from 'node:fs'
import { access, open, readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ToolError } from '../../src/errors.ts'
import { runTool } from '../run-tool.ts'

const LOSETUP = '/usr/sbin/losetup'
const MKNOD = '/usr/bin/mknod'
const LOOP_MAJOR = '7'

/** grub-mkconfig (2.12, 10_linux) takes /dev/loop0 to /dev/loop9 for images of a disk and looks for their backing file instead. */
const FIRST = 16
const LAST = 255

/** A range of a file, in bytes. */
export interface ByteRange {
  readonly offset: number
  readonly size: number
}

/** File behind a loop device as the kernel names it, or null when the device is free. */
const backingFile = (number: number): Promise<string | null> =>
  readFile(`/sys/block/loop${String(number)}/loop/backing_file`, 'utf8').then(
    (text) => text.trimEnd(),
    () => null,
  )

/** Shows a range of a file as a block device. @returns path of the device */
export async function attachLoop(file: string, { offset, size }: ByteRange): Promise<string> {
  for (let number = FIRST; number <= LAST; number++) {
    if ((await backingFile(number)) !== null) continue
    const device = `/dev/loop${String(number)}`
    // Opening a node makes the device that it stands for.
    if (!(await exists(device))) await runTool(MKNOD, ['-m', '0660', device, 'b', LOOP_MAJOR, String(number)], { expect: [0, 1] })
    try {
      await runTool(LOSETUP, ['--offset', String(offset), '--sizelimit', String(size), device, file])
      return device
    } catch (error) {
      // The kernel gives a device to one caller alone: whoever was faster has it now.
      if (!(error instanceof ToolError) || (await backingFile(number)) === null) throw error
    }
  }
  throw new ToolError(LOSETUP, [file], null, `all loop devices from ${String(FIRST)} to ${String(LAST)} are in use`)
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** Fine when it is free already. */
export async function detachLoop(device: string): Promise<void> {
  await runTool(LOSETUP, ['--detach', device], { expect: [0, 1] })
}

/**
 * Waits until nothing has a device mounted: for a moment after unmounting, a mount namespace that another process is leaving or making may still have it.
 * @throws ToolError when it takes longer than such a moment
 */
export async function untilUnused(device: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    // Linux: a block device that is mounted cannot be opened for itself alone.
    const file = await open(device, constants.O_RDONLY | constants.O_EXCL).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error
      return null
    })
    if (file !== null) return file.close()
    await sleep(50)
  }
  throw new ToolError(LOSETUP, [device], null, `${device} stays in use`)
}

/** Loop devices whose file is accepted; a file that was deleted since keeps its old path. */
export async function findLoops(accepts: (file: string) => boolean): Promise<string[]> {
  const devices: string[] = []
  for (const name of await readdir('/sys/block')) {
    const number = /^loop(\d+)$/.exec(name)?.[1]
    if (number === undefined) continue
    const file = await backingFile(Number(number))
    if (file !== null && accepts(file.replace(/ \(deleted\)$/, ''))) devices.push(`/dev/${name}`)
  }
  return devices
}
