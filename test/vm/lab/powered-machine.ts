import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Hardware, type QemuProcess, startQemu } from './qemu-process.ts'
import { QmpConnection } from './qmp-connection.ts'
import { SerialLine } from './serial-line.ts'

/** Why QEMU ends in place of resetting (qapi/run-state.json, ShutdownCause). */
const RESETS = ['guest-reset', 'host-qmp-system-reset']

const RESET_MS = 300_000
/** QEMU ends as soon as it has written out what it holds. */
const QUIT_MS = 60_000

/** Power, reset button and lines of a machine. */
export class PoweredMachine {
  readonly console: SerialLine
  readonly shellLine: SerialLine
  readonly #directory: string
  readonly #hardware: Hardware
  #qemu: QemuProcess | null = null
  #control: QmpConnection | null = null
  /** The start that follows a reset, while it is under way. */
  #starting: Promise<void> | null = null
  /** No reset that comes now starts it again. */
  #isCut = false
  /** Where all that is written to the disk is kept. */
  #recordIn: string | null = null

  /** @param directory for its sockets */
  constructor(directory: string, consoleLog: string, hardware: Hardware) {
    this.#directory = directory
    this.#hardware = hardware
    this.shellLine = new SerialLine('shell line', null)
    // Whoever waits for the shell wants to know what the console says.
    this.console = new SerialLine('console', consoleLog, () => {
      this.shellLine.look()
    })
  }

  get isOn(): boolean {
    return this.#qemu !== null || this.#starting !== null
  }

  /** How often it was switched on or reset. */
  get boots(): number {
    return this.shellLine.boots
  }

  /** From the next time that it is switched on each boot, until the next reset, keeps a log of what it writes, named by its number, in a directory. */
  recordIn(directory: string): void {
    this.#recordIn = directory
  }

  async switchOn(): Promise<void> {
    if (this.isOn) throw new Error('the machine is on already')
    this.#isCut = false
    await this.#launch()
  }

  /**
   * A reset is a QEMU of its own: the next one starts as the last one ends. In one that goes on, emulation is slow for a while, since the firmware writes
   * where the kernel's code was (seen with QEMU 7.2 and OVMF: 50 to 140 s to GRUB in place of 5).
   */
  async #launch(): Promise<void> {
    const qemu = await startQemu(this.#directory, { ...this.#hardware, ...(await this.#newLog()) })
    let isReset = false
    this.#qemu = qemu
    if (qemu.console !== null) this.console.attach(qemu.console)
    this.shellLine.attach(qemu.shell)
    void qemu.ended.then((stderr) => {
      this.#qemu = null
      this.#control = null
      if (isReset && !this.#isCut) this.#startAgain()
      else this.#end(`the machine is off${stderr === '' ? '' : `: ${stderr}`}`)
    })
    this.#control = await QmpConnection.open(qemu.control, (reason) => {
      isReset = RESETS.includes(reason)
    })
    await this.#control.execute('cont')
  }

  async #newLog(): Promise<Pick<Hardware, 'writeLog'>> {
    if (this.#recordIn === null) return {}
    const writeLog = join(this.#recordIn, `${String(this.boots + 1)}.log`)
    await writeFile(writeLog, '')
    return { writeLog }
  }

  #startAgain(): void {
    this.#starting = this.#launch()
      .catch((error: unknown) => {
        this.#qemu?.kill()
        this.#end(`the machine did not start again: ${String(error)}`)
      })
      .finally(() => {
        this.#starting = null
      })
  }

  #end(reason: string): void {
    for (const line of [this.console, this.shellLine]) line.end(new Error(reason))
  }

  async pressReset(): Promise<void> {
    const { boots } = this
    if (this.#control === null) throw new Error('the machine is off')
    // The answer may be lost with the process.
    await this.#control.execute('system_reset').catch(() => undefined)
    await this.waitForReset(boots)
  }

  /** Waits for a reset that comes from inside. @param boots what `boots` was before */
  async waitForReset(boots: number): Promise<void> {
    await this.shellLine.waitUntil(() => (this.boots > boots ? true : null), { what: 'reset of the machine', timeoutMs: RESET_MS })
  }

  /** Waits until the machine has switched itself off. */
  async waitForEnd(): Promise<void> {
    await this.shellLine.waitUntil(() => (this.isOn ? null : true), { what: 'end of the machine', timeoutMs: RESET_MS })
  }

  /** Resolves when the machine is off, however long it runs. */
  async off(): Promise<void> {
    while (this.isOn) {
      await this.#qemu?.ended
      await this.#starting
    }
  }

  /** Ends the processors at once. QEMU's `quit` writes out its own tables of the disk image, which SIGKILL would not. */
  async cut(): Promise<void> {
    this.#isCut = true
    await this.#starting
    const qemu = this.#qemu
    if (qemu === null) return
    const timer = setTimeout(qemu.kill, QUIT_MS)
    // The answer may be lost with the process.
    if (this.#control === null) qemu.kill()
    else void this.#control.execute('quit').catch(() => undefined)
    await qemu.ended
    clearTimeout(timer)
  }

  async close(): Promise<void> {
    await this.cut()
    await Promise.all([this.console.close(), this.shellLine.close()])
  }
}
