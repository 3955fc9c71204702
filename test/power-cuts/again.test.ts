import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { detachAppliance } from '../../demo/appliance/disk.ts'
import { Machine } from '../integration/belay/machine.ts'
import { PowerCuts } from './cut-power.ts'
import { readKeptRecording } from './kept-recording.ts'
import { SETTINGS } from './settings.ts'

it.runIf(SETTINGS.recording !== null)('a state of a recording that was kept', async () => {
  expect(SETTINGS.state, 'BELAY_POWER_CUT_STATE says which').not.toBeNull()
  const { operation, recording, appliance } = await readKeptRecording(String(SETTINGS.recording))
  const machine = await Machine.make({ plain: true })
  try {
    await detachAppliance(machine.appliance)
    const directory = join(machine.directory, 'power-cut')
    await mkdir(directory)
    const cuts = await PowerCuts.of(machine.on({ ...machine.appliance, ...appliance }), operation, recording, directory)
    await cuts.look(1)
    expect(cuts.failures).toEqual([])
  } finally {
    await machine.close()
  }
})
