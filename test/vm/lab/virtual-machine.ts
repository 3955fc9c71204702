import { existsSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type BaseImage, ensureBaseImage, type ImageOptions } from './base-image.ts'
import { readAsGrub } from './disk-content.ts'
import { type EntryTitle, pickEntry } from './grub-keys.ts'
import { asSeenByGuest, GuestFiles } from './guest-files.ts'
import { type Guest, GuestError, type GuestOptions, type GuestOutcome, quote } from './guest.ts'
import { GuestShell, type GuestStart } from './guest-shell.ts'
import { makeLabDirectory, removeLabDirectory } from './lab-directory.ts'
import { PoweredMachine } from './powered-machine.ts'
import { makeOverlay } from './qcow2.ts'
import type { Hardware } from './qemu-process.ts'
import type { SerialLine } from './serial-line.ts'

/** From power to shell: 40 s on two idle processors with emulation, several times that on busy ones. */
const BOOT_SECONDS = 600
/** EDK II for PCs in flash chips of 4 MiB, from Debian's package ovmf, without Secure Boot. */
const FLASH = { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' } as const

/** What a machine says that will not come up by itself. */
const TROUBLE =
  /Kernel panic - not syncing[^\n]*|You are in (?:emergency|rescue) mode|\(initramfs\) |grub rescue>|^grub>|Failed to boot both default and fallback entries|No bootable device/m

export interface MachineOptions extends ImageOptions {
  /** Default: 2048. */
  readonly memoryMib?: number
  /** A watchdog timer, which resets the machine when nobody feeds it. */
  readonly hasWatchdog?: boolean
  /** Default: `lab`. With `terminal`, the first serial line is this process's terminal. */
  readonly console?: Hardware['console']
  /** An existing directory for the disk and the firmware's variables: what is there is gone on with, and stays. Without it the machine has a new disk. */
  readonly keepIn?: string
}

export interface ArrivalOptions {
  /** Titles, from the first level of GRUB's menu down, of the entry to start with arrow keys and Enter. Without it no key is pressed. */
  readonly pick?: readonly EntryTitle[]
  /** Go on waiting when the console shows a panic, an emergency shell or the like: the machine is to recover by itself. */
  readonly throughTrouble?: boolean
  /** Default: 600. */
  readonly timeoutSeconds?: number
}

/** A machine in QEMU with a disk of its own, driven over two serial lines: the console, and a shell. Off when it was made. */
export class VirtualMachine implements Guest, AsyncDisposable {
  readonly directory: string
  readonly image: BaseImage
  readonly disk: string
  readonly #power: PoweredMachine
  readonly #shell: GuestShell
  readonly #files: GuestFiles

  private constructor(directory: string, image: BaseImage, files: GuestFiles, hardware: Hardware) {
    this.directory = directory
    this.image = image
    this.disk = hardware.disk
    this.#files = files
    this.#power = new PoweredMachine(directory, this.logFile('console.log'), hardware)
    this.#shell = new GuestShell(this.#power.shellLine, this.logFile('transcript.txt'))
  }

  /** Makes a machine, and the image for its disk when the cache has none. */
  static async make(options: MachineOptions = {}): Promise<VirtualMachine> {
    const image = await ensureBaseImage(options, async (image) => {
      await using machine = await VirtualMachine.#on(image, await makeLabDirectory(), image.path, {})
      await machine.start()
      // What Debian does at its first start goes on for a while after the first login prompt.
      await machine.run('systemctl is-system-running --wait', { timeoutSeconds: 300 })
      await machine.powerOff()
    })
    const directory = await makeLabDirectory()
    const disk = join(options.keepIn ?? directory, 'disk.qcow2')
    if (options.keepIn === undefined) await makeOverlay(image.path, disk)
    else if (!existsSync(disk)) await copyFile(image.path, disk)
    return VirtualMachine.#on(image, directory, disk, options)
  }

  static async #on(
    image: BaseImage,
    directory: string,
    disk: string,
    { console = 'lab', memoryMib = 2048, hasWatchdog = false, keepIn }: MachineOptions,
  ): Promise<VirtualMachine> {
    await mkdir(join(directory, 'logs'))
    const variables = join(keepIn ?? directory, 'variables.fd')
    if (image.firmware === 'efi' && !existsSync(variables)) await copyFile(FLASH.variables, variables)
    const flash = image.firmware === 'efi' ? { code: FLASH.code, variables } : null
    return new VirtualMachine(directory, image, await GuestFiles.serve(), { disk, flash, memoryMib, hasWatchdog, console })
  }

  logFile(name: string): string {
    return join(this.directory, 'logs', name)
  }

  /** What a person at the screen sees and types. */
  get console(): SerialLine {
    return this.#power.console
  }

  get isOn(): boolean {
    return this.#power.isOn
  }

  /** Resolves when the machine is off, whoever switched it off. */
  off(): Promise<void> {
    return this.#power.off()
  }

  /** Switches the machine on and waits until its shell is there. */
  async start(options?: ArrivalOptions): Promise<GuestStart> {
    await this.switchOn()
    return this.arrive(options)
  }

  /** From the next time that the machine is switched on each boot keeps a log of its writes in a directory, named `N.log` in the order of time. */
  recordIn(directory: string): void {
    this.#power.recordIn(directory)
  }

  /** Number of the boot that runs: how often it was switched on or reset before. */
  get boots(): number {
    return this.#power.boots
  }

  /** Switches the machine on. `arrive`, or `pick` and waiting on the console, comes next. */
  switchOn(): Promise<void> {
    return this.#power.switchOn()
  }

  /** Waits until the machine that starts now is up. */
  async arrive({ pick, throughTrouble = false, timeoutSeconds = BOOT_SECONDS }: ArrivalOptions = {}): Promise<GuestStart> {
    if (pick !== undefined) await this.pick(pick, timeoutSeconds)
    return this.#shell.waitUntilReady(timeoutSeconds * 1000, () => (throughTrouble ? null : this.console.find(TROUBLE)))
  }

  /** Waits for GRUB's menu and starts an entry with arrow keys and Enter. @param path titles from the first level down */
  pick(path: readonly EntryTitle[], timeoutSeconds = BOOT_SECONDS): Promise<void> {
    return pickEntry(this.console, path, timeoutSeconds * 1000)
  }

  run(script: string, options?: GuestOptions): Promise<GuestOutcome> {
    return this.#shell.run(script, options)
  }

  must(script: string, options?: GuestOptions): Promise<string> {
    return this.#shell.must(script, options)
  }

  /** Whether the shell can be asked now. */
  get isIdle(): boolean {
    return this.isOn && this.#shell.isIdle
  }

  /** Reboots as an administrator does, and waits until the machine is up again. */
  reboot(options?: ArrivalOptions): Promise<GuestStart> {
    return this.rebootBy('systemctl reboot --no-block', options)
  }

  /** Runs a script that reboots the machine at its end, and waits until the machine is up again. */
  async rebootBy(script: string, options?: ArrivalOptions & GuestOptions): Promise<GuestStart> {
    await this.goDown(script, options)
    return this.arrive(options)
  }

  /** Runs a script that reboots the machine at its end, and waits until the machine was reset. @throws GuestError when it fails before that */
  async goDown(script = 'systemctl reboot --no-block', options: GuestOptions = {}): Promise<void> {
    const { boots } = this.#power
    // The answer is lost when the machine is faster.
    await this.must(script, options).catch((error: unknown) => {
      if (error instanceof GuestError || this.#power.boots === boots) throw error
    })
    await this.#power.waitForReset(boots)
  }

  /** What the reset button does: nothing is told to the guest. */
  async pressReset(options?: ArrivalOptions): Promise<GuestStart> {
    await this.#power.pressReset()
    return this.arrive(options)
  }

  /** Shuts the guest down and waits until it is off. */
  async powerOff(): Promise<void> {
    if (!this.isOn) return
    // The answer is lost when the machine is faster.
    await this.must('systemctl poweroff --no-block').catch((error: unknown) => {
      if (this.isOn) throw error
    })
    await this.#power.waitForEnd()
  }

  /**
   * Cuts the power: the processors stop at once. Of what the guest wrote to its disk, in order, all is there, also what it never flushed; what
   * it still had in memory is lost.
   */
  powerCut(): Promise<void> {
    return this.#power.cut()
  }

  /** Copies a file of this machine into the guest. */
  async put(file: string, path: string): Promise<void> {
    await this.must(`busybox wget -q -O ${quote(path)} ${quote(this.#files.offer(file))}`, { timeoutSeconds: 300 })
  }

  /** The address of a server on this machine's loopback for the guest. */
  addressOf(url: string): string {
    return asSeenByGuest(url)
  }

  /**
   * A file in GRUB's directory (`/belay/env`) as GRUB would read it from the disk, its journal not replayed. The machine has to be off.
   * @throws NotFoundError
   */
  grubReads(path: string): Promise<Buffer> {
    if (this.isOn) throw new Error('the disk is read while the machine is off')
    return readAsGrub(this.disk, this.directory, `${this.grubPrefix}${path}`)
  }

  /** Where GRUB's directory is on the second partition as the image was made. */
  get grubPrefix(): string {
    return this.image.layout === 'boot-partition' ? '/grub' : ''
  }

  /** Ends the machine and deletes its files. */
  async close(): Promise<void> {
    await Promise.all([this.#power.close(), this.#files.close()])
    await removeLabDirectory(this.directory)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
