import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Machine } from '../integration/belay/machine.ts'
import { cutPower } from './cut-power.ts'
import type { OperationName } from './operations.ts'
import { SETTINGS } from './settings.ts'

const SAMPLE = 6
const SHORT = ['snapshot', 'rollback', 'confirm', 'forward', 'rollback --with-data', 'prune', 'update-grub'] as const satisfies readonly OperationName[]

/** One life of a machine: each operation begins where the one before ended. */
let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
})

afterAll(async () => {
  await machine.close()
})

describe.runIf(SETTINGS.recording === null)('a power cut at any write', () => {
  it.each(SHORT)('leaves a machine that starts by itself: %s', async (name) => {
    const operated = await cutPower(machine, name, SAMPLE)
    machine = operated.machine
    expect(operated.failures).toEqual([])
  })
})
