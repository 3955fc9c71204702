import { afterAll, beforeAll, it } from 'vitest'
import { collectEvidence } from './evidence.ts'
import { type MachineOptions, VirtualMachine } from './virtual-machine.ts'

/** Making an image takes minutes the first time, on a busy machine more. */
const MAKE_MS = 30 * 60_000
const STEP_MS = 3 * 60 * 60_000

/** A step of a scenario: a test that goes on where the one before it stopped. */
export type Step = (name: string, work: (machine: VirtualMachine) => Promise<void>) => void

/**
 * A machine for the tests of a `describe`, which are its steps. The first that fails ends the scenario: what is known of the machine is kept in a
 * directory that the failure names, and the steps after it are skipped.
 */
export function scenario(options: MachineOptions = {}): Step {
  let machine: VirtualMachine | null = null
  let failed: string | null = null
  beforeAll(async () => {
    machine = await VirtualMachine.make(options)
  }, MAKE_MS)
  afterAll(async () => {
    await machine?.close()
  }, MAKE_MS)
  return (name, work) => {
    it(name, { timeout: STEP_MS }, async ({ skip }) => {
      const on = machine
      if (failed !== null) skip(`"${failed}" failed`)
      if (on === null) throw new Error('there is no machine')
      try {
        await work(on)
      } catch (error) {
        failed = name
        const place = await collectEvidence(on, name)
        if (error instanceof Error) error.message += `\nEvidence is in ${place}`
        throw error
      }
    })
  }
}
