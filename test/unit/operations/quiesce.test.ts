import { describe, expect, it } from 'vitest'
import { FailedError } from '../../../src/errors.ts'
import { showGeneration } from '../../../src/operations/show-generation.ts'
import { reportOperation } from '../../../src/operations/operation-report.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { outcomeText } from '../../../src/view/outcome-text.ts'
import { showText } from '../../../src/view/show-text.ts'
import type { Units } from '../../../src/sys/ports.ts'
import { MemoryDriver } from '../../fakes/memory-driver.ts'
import { MemoryAppliance, UNITS, quietly } from '../../fakes/memory-appliance.ts'

const options = { text: 'quiet', withData: true, keep: false, quiesce: true }

/** Says when it takes snapshots and copies data. */
class WatchedDriver extends MemoryDriver {
  before: () => void = () => undefined

  override takeGeneration(...args: Parameters<MemoryDriver['takeGeneration']>): ReturnType<MemoryDriver['takeGeneration']> {
    this.before()
    return super.takeGeneration(...args)
  }

  override cloneData(...args: Parameters<MemoryDriver['cloneData']>): ReturnType<MemoryDriver['cloneData']> {
    this.before()
    return super.cloneData(...args)
  }
}

/** Units that take two seconds to start. */
const slowly = (machine: MemoryAppliance): Units => ({
  states: (names) => machine.units.states(names),
  stop: (names, signal) => machine.units.stop(names, signal),
  letStop: (name) => machine.units.letStop(name),
  failed: () => machine.units.failed(),
  inactive: (names) => machine.units.inactive(names),
  requirementsOf: (name) => machine.units.requirementsOf(name),
  underWay: () => machine.units.underWay(),
  start: (names) => {
    machine.clock.advance(2000)
    return machine.units.start(names)
  },
})

describe('snapshot --quiesce', () => {
  it('takes the snapshots while nothing runs that policy names, and says so for good', async () => {
    const machine = await MemoryAppliance.initialised()
    const appliance = { ...machine.process(), units: slowly(machine) }
    const seen: string[][] = []
    const driver = new WatchedDriver(machine.pool)
    driver.before = () => {
      seen.push([...machine.units.running])
    }
    const result = await takeSnapshot({ ...appliance, driver }, options, quietly)
    expect(seen).toEqual([[], []])
    expect([...machine.units.running].toSorted()).toEqual([UNITS.ui, UNITS.gateway].toSorted())

    const report = await reportOperation(appliance, result)
    expect(report.quiesced).toMatchObject({ units: [UNITS.gateway, UNITS.ui], seconds: 2 })
    expect(outcomeText(report)).toContain('Stopped for 2.0 seconds: gateway.service, gateway-ui.service.')
    const shown = await showGeneration(appliance, report.generation ?? 0)
    expect(shown).toMatchObject({ generation: { atomic: false }, quiesced: { units: [UNITS.gateway, UNITS.ui], idle: [UNITS.report] } })
    expect(showText(shown)).toMatch(/Quiesced\s+stopped for 2\.0 seconds: gateway\.service, gateway-ui\.service; not running: report\.service/)
  })

  it('is refused where policy names no unit, and where no machine runs', async () => {
    const machine = await MemoryAppliance.initialised()
    const appliance = machine.process()
    const policy = { ...appliance.policy, quiesce: [] }
    await expect(takeSnapshot({ ...appliance, policy }, options, quietly)).rejects.toMatchObject({ code: 'quiesce/no-units', exitCode: 10 })
    const mounted = { ...appliance, units: null, bootId: null, target: { ...appliance.target, live: false } }
    await expect(takeSnapshot(mounted, options, quietly)).rejects.toMatchObject({ code: 'quiesce/not-running', exitCode: 10 })
    expect((await appliance.index.read()).generations).toHaveLength(1)
  })

  it('is undone where a unit does not start again, and names that unit', async () => {
    const machine = await MemoryAppliance.initialised()
    const units: Units = {
      ...slowly(machine),
      start: () => Promise.reject(new FailedError('units/start', 'gateway.service did not start again', { rebootRequired: false })),
    }
    await expect(takeSnapshot({ ...machine.process(), units }, options, quietly)).rejects.toMatchObject({ code: 'units/start', exitCode: 20 })
    const { index, journals } = machine.process()
    expect((await index.read()).generations).toHaveLength(1)
    expect(await journals.unfinished()).toEqual([])
  })

  it('starts units again when it is interrupted while they stop', async () => {
    const machine = await MemoryAppliance.initialised()
    const controller = new AbortController()
    const units: Units = {
      ...slowly(machine),
      stop: async (names, signal) => {
        controller.abort()
        await machine.units.stop(names, signal)
      },
    }
    await expect(takeSnapshot({ ...machine.process(), units }, options, { ...quietly, signal: controller.signal })).rejects.toMatchObject({
      code: 'interrupted',
    })
    expect([...machine.units.running].toSorted()).toEqual([UNITS.ui, UNITS.gateway].toSorted())
    expect((await machine.process().index.read()).generations).toHaveLength(1)
  })
})
