import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Units } from '../../src/sys/ports.ts'

/** What runs, and what cannot be started or stopped. */
export interface UnitsUnderTest {
  readonly units: Units
  readonly release: () => Promise<void>
}

/** All run but `idle` and `broken`, which does not start; `ui` needs `gateway`; `stubborn` does not stop when it is told to. */
export const SCENE = {
  gateway: 'acme-gateway.service',
  ui: 'acme-ui.service',
  idle: 'acme-idle.service',
  broken: 'acme-broken.service',
  stubborn: 'acme-stubborn.service',
} as const

/** What every implementation of Units promises. */
export function describeUnitsContract(name: string, prepare: () => Promise<UnitsUnderTest>): void {
  describe(`${name} keeps the contract of Units`, () => {
    const { gateway, ui, idle, broken, stubborn } = SCENE
    const never = new AbortController().signal
    let subject: UnitsUnderTest
    const stateOf = async (...names: string[]) => (await subject.units.states(names)).map(({ state }) => state)

    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(() => subject.release())

    it('tells how units are, in the order of their names, and what stops along with them', async () => {
      expect(await subject.units.states([ui, gateway, idle, 'acme-nowhere.service'])).toEqual([
        { name: ui, known: true, state: 'running', takesAlong: [], ours: false },
        { name: gateway, known: true, state: 'running', takesAlong: [ui], ours: false },
        { name: idle, known: true, state: 'idle', takesAlong: [], ours: false },
        { name: 'acme-nowhere.service', known: false, state: 'idle', takesAlong: [], ours: false },
      ])
    })

    it('stops units with those that need them, and starts them again', async () => {
      await subject.units.stop([gateway], never)
      expect(await stateOf(gateway, ui, idle)).toEqual(['idle', 'idle', 'idle'])
      await subject.units.start([gateway, ui])
      expect(await stateOf(gateway, ui, idle)).toEqual(['running', 'running', 'idle'])
    })

    it('leaves alone what is as it is wanted already', async () => {
      await subject.units.stop([idle], never)
      await subject.units.start([gateway])
      expect(await stateOf(gateway, ui, idle)).toEqual(['running', 'running', 'idle'])
    })

    it('starts the others where one does not start, and names that one', async () => {
      await subject.units.stop([ui], never)
      await expect(subject.units.start([broken, ui])).rejects.toMatchObject({ code: 'units/start', exitCode: 20, data: { units: [broken] } })
      expect(await stateOf(ui, broken)).toEqual(['running', 'idle'])
    })

    it('tells which have failed, which are not active, and which one needs', async () => {
      await expect(subject.units.start([broken])).rejects.toMatchObject({ code: 'units/start' })
      expect(await subject.units.failed()).toEqual([broken])
      expect(await subject.units.inactive([ui, idle, gateway, broken, 'acme-nowhere.service'])).toEqual([idle, broken, 'acme-nowhere.service'])
      expect(await subject.units.inactive([])).toEqual([])
      expect(await subject.units.requirementsOf(ui)).toContain(gateway)
      expect(await subject.units.underWay()).toEqual([])
      await subject.units.letStop(gateway)
      await subject.units.stop([gateway], never)
      expect(await stateOf(gateway, ui)).toEqual(['idle', 'idle'])
    })

    it('waits no longer for a unit to stop when it is interrupted', async () => {
      const controller = new AbortController()
      const stopping = subject.units.stop([stubborn], controller.signal)
      setTimeout(() => {
        controller.abort()
      }, 200)
      await expect(stopping).rejects.toMatchObject({ code: 'interrupted', exitCode: 20 })
    })
  })
}
