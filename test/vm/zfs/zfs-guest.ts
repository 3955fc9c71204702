import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SUITE, type Suite } from '../../../demo/debian-archive.ts'
import { GuestFiles } from '../lab/guest-files.ts'
import { GuestShell } from '../lab/guest-shell.ts'
import { type Guest, quote } from '../lab/guest.ts'
import { makeLabDirectory, removeLabDirectory } from '../lab/lab-directory.ts'
import { PoweredMachine } from '../lab/powered-machine.ts'
import { makeOverlay } from '../lab/qcow2.ts'
import type { RawDisk } from '../lab/qemu-process.ts'
import { ensureZfsImage } from './zfs-image.ts'

/** For a machine that is emulated on busy processors. */
const BOOT_MS = 900_000
/** Half of it is the guest's /tmp, where tests keep the files that their pools are in. */
const MEMORY_MIB = 3072
/** In the checkout, not in git. */
const EVIDENCE = join(import.meta.dirname, '../logs')

/** What a machine says that will not come up by itself. */
const TROUBLE = /Kernel panic - not syncing[^\n]*|You are in (?:emergency|rescue) mode|\(initramfs\) |grub rescue>|No bootable device/m

/** A running Debian with OpenZFS's modules loaded and no pools. */
export interface ZfsGuest extends Guest {
  /** Copies a file of this machine into the guest. */
  put(file: string, path: string): Promise<void>
}

export interface ZfsGuestOptions {
  /** Decides which OpenZFS it has. Default: trixie. */
  readonly suite?: Suite
  /** /dev/vdb and on. */
  readonly disks?: readonly RawDisk[]
}

/**
 * Starts a guest, hands it over and ends it; nothing of it stays. When the work fails, its console and the transcript of its shell are kept in a directory
 * that the error names.
 */
export async function withZfsGuest<Result>(work: (guest: ZfsGuest) => Promise<Result>, options: ZfsGuestOptions = {}): Promise<Result> {
  const { suite = SUITE, disks = [] } = options
  const image = await ensureZfsImage(suite, (disk) =>
    onDisk(disk, [], async (guest, powerOff) => {
      // What Debian does at its first start goes on for a while after the shell is there.
      await guest.run('systemctl is-system-running --wait', { timeoutSeconds: 600 })
      await powerOff()
    }),
  )
  const directory = await makeLabDirectory()
  try {
    const disk = join(directory, 'disk.qcow2')
    await makeOverlay(image, disk)
    return await onDisk(disk, disks, work)
  } finally {
    await removeLabDirectory(directory)
  }
}

/** Runs a machine on a disk; its power is cut at the end of the work, unless it was switched off in order. */
async function onDisk<Result>(
  disk: string,
  moreDisks: readonly RawDisk[],
  work: (guest: ZfsGuest, powerOff: () => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const directory = await makeLabDirectory()
  const logs = join(directory, 'logs')
  await mkdir(logs)
  const files = await GuestFiles.serve()
  const power = new PoweredMachine(directory, join(logs, 'console.log'), { disk, moreDisks, flash: null, memoryMib: MEMORY_MIB, console: 'lab' })
  const shell = new GuestShell(power.shellLine, join(logs, 'transcript.txt'))
  const guest: ZfsGuest = {
    run: (script, options) => shell.run(script, options),
    must: (script, options) => shell.must(script, options),
    async put(file, path) {
      await shell.must(`busybox wget -q -O ${quote(path)} ${quote(files.offer(file))}`, { timeoutSeconds: 300 })
    },
  }
  try {
    await power.switchOn()
    await shell.waitUntilReady(BOOT_MS, () => power.console.find(TROUBLE))
    return await work(guest, async () => {
      // The answer is lost when the machine is faster.
      await shell.must('systemctl poweroff --no-block').catch((error: unknown) => {
        if (power.isOn) throw error
      })
      await power.waitForEnd()
    })
  } catch (error) {
    const place = join(EVIDENCE, `${new Date().toISOString().replaceAll(/[:.]/g, '-')}-zfs-guest`)
    await cp(logs, place, { recursive: true })
    if (error instanceof Error) error.message += `\nEvidence is in ${place}`
    throw error
  } finally {
    await Promise.all([power.close(), files.close()])
    await removeLabDirectory(directory)
  }
}
