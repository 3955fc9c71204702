import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextBoot } from '../../../src/boot/boot-choice.ts'
import { ChangedError, FailedError, NotUndoneError } from '../../../src/errors.ts'
import { diagnose } from '../../../src/operations/diagnosis/diagnose.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import type { OperationResult } from '../../../src/operations/run-operation.ts'
import { executorFor } from '../../../src/operations/executor-for.ts'
import { BeName } from '../../../src/snap/names.ts'
import { CONFIG, MemoryAppliance, UNITS, quietly } from '../../fakes/memory-appliance.ts'
import { type Action, type Death, generationAt, isOperation, lifeOfAnAppliance, perform } from './life-of-an-appliance.ts'
import { type Observation, expectDataUntouched, expectLawful, expectWhole, isExpectedRefusal, observe } from './observation.ts'

/** The next boot starts what was asked for. */
const expectNext = ({ index, choice }: Observation, id: number): void => {
  const next = index.bootEnvironments.find((be) => be.name === nextBoot(choice).be)
  expect([next?.standsFor, next?.origin], 'generations of the next boot').toContain(id)
}

const dataOf = ({ index }: Observation, name: string | null): unknown => index.bootEnvironments.find((be) => be.name === name)?.data

/** What doctor rightly finds after purges, failed upgrades and fallbacks. */
const EXPECTED_FINDINGS = /^(?:packages\/.*|fell-back|config-member|identity|boot-set-behind|session-.*)$/

/** A machine, what was seen of it last, and which config members a package's purge took from it. */
interface Watched {
  readonly machine: MemoryAppliance
  readonly seen: Observation
  readonly purged: Set<string>
  readonly machineIds: { newest: string }
  /** Boot environments in which an upgrade failed once packages were being changed. */
  readonly torn: Set<string>
}

/** What belay-boot.service does once after each boot. */
const noticeBoot = async (machine: MemoryAppliance): Promise<void> => {
  await recordBoot(machine.process())
}

/** One action, and whatever brings it to an end. */
const live = async (
  { machine, seen: before, purged, machineIds, torn }: Watched,
  { action, death }: { readonly action: Action; readonly death: Death | null },
): Promise<Observation> => {
  machine.clock.advance(3_600_000)
  const appliance = machine.process()
  const ran = new Set(machine.units.running)
  if (death !== null && isOperation(action)) machine.life.endAfter(death.after)
  let result: OperationResult | null = null
  try {
    result = await perform(appliance, machine, before, action)
  } catch (error) {
    const ended = machine.life.isOver() || isExpectedRefusal(error) || (error instanceof FailedError && !(error instanceof NotUndoneError))
    if (!ended) throw error
  }
  const wasCut = machine.life.isOver()
  if (wasCut && death !== null) {
    result = null
    if (death.power) {
      await machine.reboot()
      await noticeBoot(machine)
    }
    if (death.again !== null) {
      await machine.recover(death.again).catch(() => undefined)
      if (machine.life.isOver() && death.power) {
        await machine.reboot()
        await noticeBoot(machine)
      }
    }
    await machine.recover()
  }
  if (action.act === 'judge' && !wasCut) await expectJudged(machine, before, action.sick, purged.size > 0)
  if (action.act === 'reboot' || machine.process().bootId !== appliance.bootId) await noticeBoot(machine)
  if (action.act === 'purge') purged.add(`be/${String(before.running)}/root${CONFIG}`)

  if (action.act === 'start-unit') ran.add(UNITS.report)
  const started = appliance.bootId === machine.process().bootId ? ran : new Set([UNITS.gateway, UNITS.ui])
  expect(machine.units.running, 'units that ran before, or that the boot started').toEqual(started)
  const after = await observe(machine)
  expectWhole(after, purged)
  expectLawful(before, after, { mayUnkeep: action.act === 'keep' })
  const found = (await diagnose(machine.process())).map(({ finding }) => finding)
  expect(
    found.filter(({ code, severity }) => severity === 'problem' && !EXPECTED_FINDINGS.test(code)),
    'what doctor finds',
  ).toEqual([])
  if (action.act === 'reboot') expect(new Set(after.machineIds.values()).size, 'machine-ids after a boot').toBe(1)
  if (action.act === 'write' && action.where === 'identity') machineIds.newest = `${action.text}.\n`
  expect(after.machineIds.get(BeName.parse(after.running)), 'the machine-id that was written last').toBe(machineIds.newest)
  const { session } = after.index
  if (session !== null && session.phase !== 'trial') torn.add(session.be)
  expect(
    [...after.releases].filter(([be, { ownSources }]) => !torn.has(be) && !ownSources),
    'apt’s sources are those of the release',
  ).toEqual([])
  if (action.act === 'switch' && !action.withData) expectDataUntouched(before, after)
  if (result?.executed === true) await expectExecuted(machine, before, after, action, result)
  return after
}

/** A trial that is healthy stays, unless its configuration is gone; one that is sick is left at once for what was good, and nothing else is ever left. */
const expectJudged = async (machine: MemoryAppliance, before: Observation, sick: boolean, isPurged: boolean): Promise<void> => {
  const { running, choice, index } = await observe(machine)
  const { session } = before.index
  const onTrial =
    before.choice.trial === before.running && before.choice.good !== before.running && !(session?.be === before.running && session.phase !== 'trial')
  const isFirstBoot = session?.be === before.running && session.bootId === before.index.lastStart?.bootId
  if (!onTrial || isFirstBoot) {
    expect([running, choice], 'what is no trial').toEqual([before.running, before.choice])
  } else if (sick) {
    expect([running, choice.attemptsLeft, index.trialHealth?.be], 'a sick trial').toEqual([before.choice.good, 0, before.running])
  } else if (!isPurged) expect(choice, 'a healthy trial').toMatchObject({ good: before.running, trial: null })
}

const expectExecuted = async (machine: MemoryAppliance, before: Observation, after: Observation, action: Action, { plan }: OperationResult): Promise<void> => {
  if (action.act === 'switch') {
    if (action.pick !== null) expectNext(after, generationAt(before, action.pick))
    if (action.direction === 'rollback' && !action.withData)
      expect(dataOf(after, nextBoot(after.choice).be), 'the data of now').toEqual(dataOf(before, before.running))
  }
  // A plan that found everything as it wants it has the same basis still.
  const changed = before.index.revision !== after.index.revision || JSON.stringify(before.choice) !== JSON.stringify(after.choice)
  if (changed) await expect(executorFor(machine.process(), quietly).execute(plan)).rejects.toBeInstanceOf(ChangedError)
}

describe('an appliance', () => {
  it('keeps its laws through any life of operations, reboots and deaths', { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(lifeOfAnAppliance, async (actions) => {
        const machine = await MemoryAppliance.initialised()
        const purged = new Set<string>()
        const machineIds = { newest: 'as installed\n' }
        const torn = new Set<string>()
        await noticeBoot(machine)
        let seen = await observe(machine)
        for (const step of actions) seen = await live({ machine, seen, purged, machineIds, torn }, step)
      }),
      { numRuns: Number(process.env['BELAY_LIVES'] ?? 100) },
    )
  })
})
