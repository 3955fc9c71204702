import { afterAll, beforeAll, expect, it } from 'vitest'
import { Machine } from '../integration/belay/machine.ts'
import { cutPower } from './cut-power.ts'
import { SETTINGS } from './settings.ts'

const SAMPLE = 8

let machine: Machine

beforeAll(async () => {
  machine = await Machine.make()
})

afterAll(async () => {
  await machine.close()
})

it.runIf(SETTINGS.recording === null)(
  'a power cut at any write of an upgrade leaves the old version or the new one: kernel, boot loader and application',
  async () => {
    const before = await machine.facts()
    const upgraded = await cutPower(machine, 'upgrade', SAMPLE)
    machine = upgraded.machine
    expect(upgraded.failures).toEqual([])
    const after = await machine.facts()
    expect([before.kernel === after.kernel, before.grub === after.grub, before.application === after.application]).toEqual([false, false, false])
  },
)
