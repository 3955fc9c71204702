import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { attachAppliance } from '../../demo/appliance/disk.ts'
import type { Machine } from '../integration/belay/machine.ts'
import { expectSurvived } from './check-state.ts'
import { type CutState, cutStates, keptParts, sampleStates } from './cut-states.ts'
import { keepRecording } from './kept-recording.ts'
import { OPERATIONS, type OperationName } from './operations.ts'
import { onLayer } from './machine-on-layer.ts'
import { record, type Recording } from './recording.ts'
import { applyParts, ReplayedDisk } from './replay.ts'
import { SETTINGS } from './settings.ts'
import { type LogEntry, readWriteLog } from './write-log.ts'

/**
 * Records an operation, then lets the power fail in it: at a sample of the states or at those that were asked for, each on a disk of its own.
 * @returns the machine after the operation, which came to its end on the machine's own disk; and the states that did not survive
 */
export async function cutPower(
  machine: Machine,
  name: OperationName,
  sample: number,
): Promise<{ readonly machine: Machine; readonly failures: readonly string[] }> {
  const directory = join(machine.directory, 'power-cut')
  await mkdir(directory)
  await OPERATIONS[name].prepare(machine)
  const recording = await record(machine, directory, OPERATIONS[name])
  const cuts = await PowerCuts.of(machine, name, recording, directory)
  await cuts.look(sample)
  await cuts.expectSameDisk(machine.appliance.rawImage)
  await rm(directory, { recursive: true })
  const again = machine.on(await attachAppliance(machine.appliance, machine.appliance.directory, machine.appliance.rawImage))
  await again.reboot()
  return { machine: again, failures: cuts.failures }
}

/** Looks at the states of one recording, in the order of time. */
export class PowerCuts {
  readonly #machine: Machine
  readonly #name: OperationName
  readonly #recording: Recording
  readonly #log: readonly LogEntry[]
  readonly #replayed: ReplayedDisk
  readonly #directory: string
  readonly #failures: string[] = []
  /** Where the recording is kept with its disk as it was at the first failure. */
  #kept: string | null

  private constructor(machine: Machine, name: OperationName, recording: Recording, log: readonly LogEntry[], directory: string) {
    this.#machine = machine
    this.#name = name
    this.#recording = recording
    this.#log = log
    this.#replayed = new ReplayedDisk(recording.disk, recording.log, log, recording.position)
    this.#directory = directory
    this.#kept = SETTINGS.recording
  }

  /** @param machine whose disk is not attached; @param directory for the disks of the states */
  static async of(machine: Machine, name: OperationName, recording: Recording, directory: string): Promise<PowerCuts> {
    return new PowerCuts(machine, name, recording, await readWriteLog(recording.log), directory)
  }

  /** Looks at a sample of the states or at those that were asked for, and says what was found. */
  async look(sample: number): Promise<void> {
    const states = cutStates(this.#log, this.#recording)
    const { state: only, howMany, seed } = SETTINGS
    const chosen = only === null ? sampleStates(states, howMany ?? sample, seed) : states.filter(({ number }) => number === only)
    if (chosen.length === 0) throw new Error(`${this.#name} has no state ${String(only)}: the last is ${String(states.at(-1)?.number)}`)
    const counts = { old: 0, new: 0 }
    const began = performance.now()
    for (const state of chosen) {
      try {
        counts[(await this.#lookAt(state)) ? 'new' : 'old'] += 1
      } catch (error) {
        await this.#fail(state, error)
      }
    }
    const seconds = ((performance.now() - began) / 1000 / chosen.length).toFixed(1)
    const boundaries = states.filter(({ kept }) => kept === 'none').length
    process.stdout.write(
      `power cut in ${this.#name}: ${String(boundaries)} boundaries recorded, ${String(states.length)} states; ${String(chosen.length)} checked, ` +
        `${seconds} s each: ${String(counts.old)} started old, ${String(counts.new)} new, ${String(this.#failures.length)} failed\n`,
    )
  }

  /** All of the log makes the disk that the operation left: nothing was lost on the way into the log and out of it. */
  async expectSameDisk(rawImage: string): Promise<void> {
    await this.#replayed.advance(this.#log.length)
    expect(await this.#replayed.isSameAs(rawImage), 'the replayed disk is the one that was recorded').toBe(true)
  }

  get failures(): readonly string[] {
    return this.#failures
  }

  /** @returns whether the operation is done on the machine that starts */
  async #lookAt(state: CutState): Promise<boolean> {
    await this.#replayed.advance(state.durable)
    return onLayer(
      this.#machine,
      this.#replayed.image,
      this.#directory,
      async (machine) => {
        const isDone = await expectSurvived(machine, this.#recording, OPERATIONS[this.#name])
        if (state.isAfterEnd) expect(isDone, `${this.#name} had ended with success`).toBe(true)
        return isDone
      },
      (disk) => applyParts(this.#recording.log, keptParts(this.#log, state, SETTINGS.seed), disk),
    )
  }

  async #fail({ number }: CutState, error: unknown): Promise<void> {
    this.#kept ??= await keepRecording(`${this.#name} ${String(number)}`, {
      operation: this.#name,
      recording: { ...this.#recording, position: this.#replayed.position },
      appliance: this.#machine.appliance,
    })
    const settings = [`BELAY_POWER_CUT_RECORDING=${this.#kept}`, `BELAY_POWER_CUT_STATE=${String(number)}`, `BELAY_POWER_CUT_SEED=${String(SETTINGS.seed)}`]
    const text = `state ${String(number)} of ${this.#name}: ${error instanceof Error ? error.message : String(error)}\nthis state again: ${settings.join(' ')} npm run test:power-cuts`
    process.stdout.write(`${text}\n`)
    this.#failures.push(text)
  }
}
