import fc from 'fast-check'
import { FailedError } from '../../../src/errors.ts'
import { closeUpgrade } from '../../../src/operations/close-upgrade.ts'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { guardAptRun } from '../../../src/operations/guard-apt-run.ts'
import { endIncompleteTrial, judgeThisBoot, passGate } from '../../../src/operations/health/judge-this-boot.ts'
import { keepGeneration } from '../../../src/operations/keep-generation.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import { deleteGenerations, pruneGenerations } from '../../../src/operations/remove-generations.ts'
import type { OperationResult } from '../../../src/operations/run-operation.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import type { Appliance } from '../../../src/operations/appliance.ts'
import { CONFIG, MACHINE_ID, type MemoryAppliance, UNITS, quietly } from '../../fakes/memory-appliance.ts'
import type { Offer } from '../../fakes/small-packages.ts'
import type { Observation } from './observation.ts'

/** What operators, timers and applications do. `pick` chooses among the generations that are there. */
export type Action =
  | { readonly act: 'snapshot'; readonly withData: boolean; readonly keep: boolean; readonly quiesce: boolean }
  | { readonly act: 'upgrade'; readonly quiesce: boolean; readonly offer: Offer; readonly withData: boolean; readonly release: boolean }
  | { readonly act: 'apt'; readonly offer: Offer; readonly ends: 'by itself' | 'with the power' | 'before dpkg' }
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
  | { readonly act: 'keep'; readonly pick: number; readonly keep: boolean; readonly days: number | null }
  | { readonly act: 'delete'; readonly pick: number }
  | { readonly act: 'prune'; readonly newest: number }
  | { readonly act: 'reboot' }
  /** The health gate at the end of a boot. */
  | { readonly act: 'judge'; readonly sick: boolean }
  | { readonly act: 'write'; readonly where: 'root' | 'config' | 'data' | 'identity'; readonly text: string }
  | { readonly act: 'purge'; readonly leavesDirectory: boolean }
  | { readonly act: 'start-unit' }

/** The process dies before one of its changes, and the power may fail with it; so may the one that brings it to an end. */
export interface Death {
  readonly after: number
  readonly power: boolean
  readonly again: number | null
}

const pick = fc.nat(20)
const rarely = fc.integer({ min: 0, max: 4 }).map((number) => number === 0)

const offer: fc.Arbitrary<Offer> = fc.record({
  kernel: fc.boolean(),
  dataFormat: fc.constantFrom(null, null, '1.1.0', '2.0.0', '3.0.0'),
  failure: fc.constantFrom('none', 'none', 'none', 'before dpkg', 'in dpkg', 'half configured'),
})

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('snapshot' as const), withData: fc.boolean(), keep: rarely, quiesce: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('upgrade' as const),
      quiesce: fc.boolean(),
      offer,
      withData: rarely,
      release: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant('apt' as const), offer, ends: fc.constantFrom('by itself', 'by itself', 'with the power', 'before dpkg') }),
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
  { weight: 3, arbitrary: fc.constant({ act: 'confirm' as const }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('judge' as const), sick: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('keep' as const), pick, keep: fc.boolean(), days: fc.option(fc.integer({ min: 1, max: 9 })) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('delete' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('prune' as const), newest: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('write' as const), where: fc.constantFrom('root', 'config', 'data', 'identity'), text: fc.string() }) },
  { weight: 1, arbitrary: fc.constant({ act: 'start-unit' as const }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('purge' as const), leavesDirectory: fc.boolean() }) },
)

const death: fc.Arbitrary<Death | null> = fc.option(fc.record({ after: fc.nat(80), power: fc.boolean(), again: fc.option(fc.nat(40), { freq: 2 }) }), {
  freq: 2,
})

export const lifeOfAnAppliance = fc.array(fc.record({ action, death }), { minLength: 1, maxLength: 25, size: 'max' })

const HOOK_INPUT = 'VERSION 3\n\ngateway 1 amd64 none < 2 amd64 none /gateway.deb\n'

/** apt calls its hook, then dpkg; when it has ended, or at the next boot, the unit closes what it did. Where it is stopped or flagged, it changes nothing here. */
const runApt = async (appliance: Appliance, machine: MemoryAppliance, { offer, ends }: Extract<Action, { readonly act: 'apt' }>): Promise<void> => {
  const { outcome } = await guardAptRun(appliance, HOOK_INPUT, quietly)
  if (outcome === 'unguarded') return
  machine.packages.offer = offer
  const runs = ends === 'before dpkg' ? [] : await machine.packages.order(await machine.packages.simulate())
  try {
    for (const run of runs) await machine.packages.apply(run)
  } catch (error) {
    if (!(error instanceof FailedError)) throw error
  }
  if (ends === 'with the power') {
    await machine.reboot()
    await recordBoot(machine.process())
  }
  await closeUpgrade(ends === 'with the power' ? machine.process() : appliance, quietly)
}

export const perform = async (appliance: Appliance, machine: MemoryAppliance, before: Observation, action: Action): Promise<OperationResult | null> => {
  const chosen = (number: number): number => generationAt(before, number)
  switch (action.act) {
    case 'snapshot':
      return takeSnapshot(appliance, { text: 'by hand', withData: action.withData, keep: action.keep, quiesce: action.quiesce }, quietly)
    case 'upgrade':
      machine.packages.offer = action.offer
      return upgradePackages(
        appliance,
        { packages: [], release: action.release ? 'trixie' : null, withData: action.withData, quiesce: action.quiesce, refresh: action.release },
        quietly,
      )
    case 'apt':
      await runApt(appliance, machine, action)
      return null
    case 'switch':
      return switchVersion(appliance, { ...action, id: action.pick === null ? null : chosen(action.pick) }, quietly)
    case 'confirm':
      return confirmVersion(appliance, quietly)
    case 'judge':
      return judgeTheBoot(appliance, action.sick)
    case 'keep':
      return keepGeneration(
        appliance,
        { id: chosen(action.pick), keep: action.keep, owner: null, until: action.days === null ? null : `${String(action.days)}d` },
        quietly,
      )
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
      else if (action.where === 'identity') await machine.files.writeAtomic(`/target${MACHINE_ID}`, `${action.text}.\n`, 0o444)
      else {
        const directory = action.where === 'root' ? '/target/var' : `/target${CONFIG}`
        await machine.files.makeDirectory(directory)
        await machine.files.writeAtomic(`${directory}/written`, action.text)
      }
      return null
    }
    case 'start-unit':
      machine.units.running.add(UNITS.report)
      return null
    case 'purge':
      machine.files.removeTree(`/target${CONFIG}`)
      if (action.leavesDirectory) await machine.files.makeDirectory(`/target${CONFIG}`)
      return null
  }
}

/** As belay-health.service and, behind it, belay-confirm.service or belay-fall-back.service do. */
const judgeTheBoot = async (appliance: Appliance, sick: boolean): Promise<null> => {
  const faults = sick ? [{ check: 'units', text: 'gateway.service has failed', lines: [] }] : []
  const verdict = await judgeThisBoot(appliance, faults, quietly)
  if (verdict === 'confirm' || verdict === 'wait') await passGate(appliance, quietly)
  if (verdict === 'fall-back' && (await endIncompleteTrial(appliance, quietly))) await appliance.power.reboot()
  return null
}

export const generationAt = (seen: Observation, pick: number): number => seen.index.generations[pick % seen.index.generations.length]?.id ?? 1

export const isOperation = ({ act }: Action): boolean => !['reboot', 'write', 'purge', 'start-unit'].includes(act)
