import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChangedError, FailedError, NotUndoneError } from '../../../src/errors.ts'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { keepGeneration } from '../../../src/operations/keep-generation.ts'
import { deleteGenerations, pruneGenerations } from '../../../src/operations/remove-generations.ts'
import { type OperationResult, executorFor } from '../../../src/operations/run-operation.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import type { Appliance } from '../../../src/operations/appliance.ts'
import { CONFIG, MemoryAppliance, quietly } from '../../fakes/memory-appliance.ts'
import type { Offer } from '../../fakes/small-packages.ts'
import { type Observation, expectDataUntouched, expectLawful, expectWhole, isExpectedRefusal, observe } from './observation.ts'

/** What operators, timers and applications do. `pick` chooses among the generations that are there. */
type Action =
  | { readonly act: 'snapshot'; readonly withData: boolean; readonly keep: boolean }
  | { readonly act: 'upgrade'; readonly offer: Offer; readonly withData: boolean }
  | {
      readonly act: 'switch'
      readonly direction: 'rollback' | 'forward'
      readonly pick: number | null
      readonly keepConfig: boolean
      readonly withData: boolean
      readonly once: boolean
      readonly force: boolean
    }
  | { readonly act: 'confirm' }
  | { readonly act: 'keep'; readonly pick: number; readonly keep: boolean }
  | { readonly act: 'delete'; readonly pick: number }
  | { readonly act: 'prune'; readonly newest: number }
  | { readonly act: 'reboot' }
  | { readonly act: 'write'; readonly where: 'root' | 'config' | 'data'; readonly text: string }
  | { readonly act: 'purge'; readonly leavesDirectory: boolean }

/** The process dies before one of its changes, and the power may fail with it; so may the one that brings it to an end. */
interface Death {
  readonly after: number
  readonly power: boolean
  readonly again: number | null
}

const pick = fc.nat(20)
const rarely = fc.integer({ min: 0, max: 4 }).map((number) => number === 0)

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('snapshot' as const), withData: fc.boolean(), keep: rarely }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('upgrade' as const),
      offer: fc.record({
        kernel: fc.boolean(),
        dataFormat: fc.constantFrom(null, null, '1.1.0', '2.0.0', '3.0.0'),
        failure: fc.constantFrom('none', 'none', 'none', 'before dpkg', 'in dpkg', 'half configured'),
      }),
      withData: rarely,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('switch' as const),
      direction: fc.constantFrom('rollback', 'forward'),
      pick: fc.option(pick),
      keepConfig: rarely,
      withData: rarely,
      once: rarely,
      force: rarely,
    }),
  },
  { weight: 5, arbitrary: fc.constant({ act: 'reboot' as const }) },
  { weight: 4, arbitrary: fc.constant({ act: 'confirm' as const }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('keep' as const), pick, keep: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('delete' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('prune' as const), newest: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('write' as const), where: fc.constantFrom('root', 'config', 'data'), text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('purge' as const), leavesDirectory: fc.boolean() }) },
)

const death: fc.Arbitrary<Death | null> = fc.option(fc.record({ after: fc.nat(80), power: fc.boolean(), again: fc.option(fc.nat(40), { freq: 2 }) }), {
  freq: 2,
})

const life = fc.array(fc.record({ action, death }), { minLength: 1, maxLength: 18 })

const perform = async (appliance: Appliance, machine: MemoryAppliance, before: Observation, action: Action): Promise<OperationResult | null> => {
  const chosen = (number: number): number => before.index.generations[number % before.index.generations.length]?.id ?? 1
  switch (action.act) {
    case 'snapshot':
      return takeSnapshot(appliance, { text: 'by hand', withData: action.withData, keep: action.keep }, quietly)
    case 'upgrade':
      machine.packages.offer = action.offer
      return upgradePackages(appliance, { packages: [], withData: action.withData, refresh: false }, quietly)
    case 'switch':
      return switchVersion(appliance, { ...action, id: action.pick === null ? null : chosen(action.pick) }, quietly)
    case 'confirm':
      return confirmVersion(appliance, quietly)
    case 'keep':
      return keepGeneration(appliance, { id: chosen(action.pick), keep: action.keep }, quietly)
    case 'delete':
      return deleteGenerations(appliance, [chosen(action.pick)], quietly)
    case 'prune':
      return pruneGenerations(appliance, { newest: action.newest }, quietly)
    case 'reboot':
      await machine.reboot()
      return null
    case 'write': {
      if (action.where === 'data')
        for (const data of before.index.data) await machine.files.writeAtomic(`${await appliance.driver.directoryOf(data.volume)}/log`, action.text)
      else {
        const directory = action.where === 'root' ? '/target/var' : `/target${CONFIG}`
        await machine.files.makeDirectory(directory)
        await machine.files.writeAtomic(`${directory}/written`, action.text)
      }
      return null
    }
    case 'purge':
      machine.files.removeTree(`/target${CONFIG}`)
      if (action.leavesDirectory) await machine.files.makeDirectory(`/target${CONFIG}`)
      return null
  }
}

const isOperation = ({ act }: Action): boolean => !['reboot', 'write', 'purge'].includes(act)

/** One action, and whatever brings it to an end. */
const live = async (
  machine: MemoryAppliance,
  purged: Set<string>,
  { action, death }: { readonly action: Action; readonly death: Death | null },
): Promise<void> => {
  const before = await observe(machine)
  const appliance = machine.process()
  if (death !== null && isOperation(action)) machine.life.endAfter(death.after)
  let result: OperationResult | null = null
  try {
    result = await perform(appliance, machine, before, action)
  } catch (error) {
    const ended = machine.life.isOver || isExpectedRefusal(error) || (error instanceof FailedError && !(error instanceof NotUndoneError))
    if (!ended) throw error
  }
  if (machine.life.isOver && death !== null) {
    if (death.power) await machine.reboot()
    if (death.again !== null) {
      const second = machine.process()
      machine.life.endAfter(death.again)
      await takeSnapshot(
        second,
        { text: 'recovers first', withData: false, keep: false },
        { ...quietly, planOnly: false, approve: () => Promise.reject(new Error('recovery alone')) },
      ).catch(() => null)
      if (machine.life.isOver && death.power) await machine.reboot()
    }
    await machine.recover()
    result = null
  }
  const after = await observe(machine)
  if (action.act === 'purge') purged.add(`be/${String(before.running)}/root${CONFIG}`)
  expectWhole(after, purged)
  if (!(action.act === 'keep' && !action.keep)) expectLawful(before, after)
  if (action.act === 'switch' && !action.withData) expectDataUntouched(before, after)
  const { executed = false, plan } = result ?? {}
  if (executed && plan !== undefined) {
    expect(
      after.audit.filter((entry) => entry.plan === plan.id),
      'records of the run',
    ).toHaveLength(1)
    await expect(executorFor(machine.process(), quietly).execute(plan)).rejects.toBeInstanceOf(ChangedError)
  }
}

describe('an appliance', () => {
  it('keeps its laws through any life of operations, reboots and deaths', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(life, async (actions) => {
        const machine = await MemoryAppliance.initialised()
        const purged = new Set<string>()
        for (const step of actions) {
          machine.clock.advance(3_600_000)
          await live(machine, purged, step)
        }
      }),
      { numRuns: Number(process.env['BELAY_RUNS'] ?? 120) },
    )
  })
})
