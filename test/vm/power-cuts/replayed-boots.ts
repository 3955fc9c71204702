import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { type CutState, keptParts } from '../../power-cuts/cut-states.ts'
import { applyParts, ReplayedDisk } from '../../power-cuts/replay.ts'
import { SETTINGS } from '../../power-cuts/settings.ts'
import { type LogEntry, readWriteLog } from '../../power-cuts/write-log.ts'
import { makeOverlay } from '../lab/qcow2.ts'
import { type MachineOptions, VirtualMachine } from '../lab/virtual-machine.ts'

/** The disk of a machine that kept a log of each of its boots, brought forward through them. */
export class ReplayedBoots {
  readonly #disk: string
  readonly #directory: string
  #boot: number
  #replayed: ReplayedDisk | null = null
  readonly #entries = new Map<number, Promise<readonly LogEntry[]>>()

  /** @param disk as it was before the first of these boots; it is changed. @param directory with the logs. @param first number of that boot */
  constructor(disk: string, directory: string, first: number) {
    this.#disk = disk
    this.#directory = directory
    this.#boot = first
  }

  logOf(boot: number): string {
    return join(this.#directory, `${String(boot)}.log`)
  }

  /** What a boot wrote, once it is over. */
  entriesOf(boot: number): Promise<readonly LogEntry[]> {
    const entries = this.#entries.get(boot) ?? readWriteLog(this.logOf(boot))
    this.#entries.set(boot, entries)
    return entries
  }

  /** A machine, still off, whose power failed in a boot; it lasts until the next one is asked for. States have to be asked for in the order of time. */
  async machineAfter(options: MachineOptions, boot: number, state: CutState): Promise<VirtualMachine> {
    while (this.#boot < boot) {
      await (await this.#replay()).advance(Number.POSITIVE_INFINITY)
      this.#boot += 1
      this.#replayed = null
    }
    await (await this.#replay()).advance(state.durable)
    const directory = join(this.#directory, 'after-power-cut')
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory)
    const raw = join(directory, 'disk.raw')
    await runTool('/usr/bin/cp', ['--sparse=always', '--reflink=auto', '--', this.#disk, raw])
    await applyParts(this.logOf(boot), keptParts(await this.entriesOf(boot), state, SETTINGS.seed), raw)
    await makeOverlay(raw, join(directory, 'disk.qcow2'), 'raw')
    return VirtualMachine.make({ ...options, keepIn: directory })
  }

  async #replay(): Promise<ReplayedDisk> {
    this.#replayed ??= new ReplayedDisk(this.#disk, this.logOf(this.#boot), await this.entriesOf(this.#boot))
    return this.#replayed
  }
}
