import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { VendorRepository } from '../../demo/vendor/repository.ts'
import { cutStates, sampleStates, type Span } from '../power-cuts/cut-states.ts'
import { SETTINGS } from '../power-cuts/settings.ts'
import { collectEvidence } from './lab/evidence.ts'
import { convertToRaw } from './lab/qcow2.ts'
import type { VirtualMachine } from './lab/virtual-machine.ts'
import { ReplayedBoots } from './power-cuts/replayed-boots.ts'
import { adoptedScenario } from './story/adopted-machine.ts'
import { BelayInGuest } from './story/belay-in-guest.ts'
import { cellOfEnvironment, machineOf } from './story/cell.ts'
import { LONG_SECONDS } from './story/long-seconds.ts'
import { type MachineFacts, readMachineFacts } from './story/machine-facts.ts'
import { settle } from './story/settle.ts'

/** Boots for each stretch of what is recorded; BELAY_POWER_CUTS has another number. */
const SAMPLE = { upgrade: 10, 'first boot of what was upgraded': 6, rollback: 6 } as const
type Stretch = keyof typeof SAMPLE

/** A stretch of time in the log of one boot. */
interface Recorded extends Span {
  readonly boot: number
}

const options = machineOf(cellOfEnvironment())

/** What doctor may list once a boot that nobody planned is over: the fallback, which a confirmation ends, and what a version that was being made left. */
const AFTER_A_CUT = /^(?:fell-back|reboot-pending): /

const versionOf = ({ kernel, modules, application, config, service, data, failedUnits }: MachineFacts) => ({
  ...{ kernel, modules, application, config, service, data, failedUnits },
})

describe('A machine whose power fails at writes that were recorded', () => {
  let vendor: VendorRepository
  const step = adoptedScenario(options, (known) => {
    vendor = known
  })
  const recorded = new Map<Stretch, Recorded>()
  let one: MachineFacts
  let two: MachineFacts
  let boots: ReplayedBoots

  step('is upgraded, starts what was upgraded, and goes back, while all that it writes is kept', async (machine) => {
    one = await readMachineFacts(machine)
    await machine.powerOff()
    const directory = join(machine.directory, 'writes')
    await mkdir(directory)
    const before = join(directory, 'before.raw')
    await convertToRaw(machine.disk, before)
    machine.recordIn(directory)
    await machine.start()
    await settle(machine)
    boots = new ReplayedBoots(before, directory, machine.boots)
    const lengthOf = async (boot: number): Promise<number> => (await stat(boots.logOf(boot))).size
    const during = async (stretch: Stretch, work: () => Promise<unknown>): Promise<void> => {
      const boot = machine.boots
      const startedAt = await lengthOf(boot)
      await work()
      await machine.must('sync')
      recorded.set(stretch, { boot, startedAt, endedAt: await lengthOf(boot) })
    }

    vendor.publish(['1.0.0', '2.0.0'])
    await during('upgrade', () => new BelayInGuest(machine).must('upgrade --yes'))
    await machine.reboot()
    await settle(machine)
    two = await readMachineFacts(machine)
    expect(two).toMatchObject({ application: '2.0.0', service: 'active', failedUnits: '' })
    recorded.set('first boot of what was upgraded', { boot: machine.boots, startedAt: 0, endedAt: await lengthOf(machine.boots) })
    await during('rollback', () => new BelayInGuest(machine).must('rollback --yes'))
    await machine.powerOff()
  })

  /** Switches a machine on with a disk as a power cut left it, and looks at what comes up by itself. @returns whether that is the upgraded version */
  const expectRecovery = async (machine: VirtualMachine): Promise<boolean> => {
    await machine.start({ timeoutSeconds: LONG_SECONDS })
    await settle(machine)
    const belay = new BelayInGuest(machine)
    const facts = await readMachineFacts(machine)
    expect([versionOf(one), versionOf(two)]).toContainEqual(versionOf(facts))
    expect(await machine.must('dpkg --audit')).toBe('')
    await machine.must('belay doctor --fix || [ $? = 10 ]', { timeoutSeconds: LONG_SECONDS })
    expect((await belay.findings()).filter((finding) => !AFTER_A_CUT.test(finding))).toEqual([])
    const { running, choice, session } = await belay.status()
    if (session !== null || choice?.good !== running?.be) await belay.must('confirm')
    expect((await belay.findings()).filter((finding) => !finding.startsWith('reboot-pending: '))).toEqual([])
    return facts.application === two.application
  }

  for (const [stretch, sample] of Object.entries(SAMPLE) as [Stretch, number][])
    step(`comes up by itself in the old version or the new one, wherever the power fails: ${stretch}`, async (machine) => {
      const span = recorded.get(stretch)
      if (span === undefined) throw new Error(`${stretch} was not recorded`)
      const log = await boots.entriesOf(span.boot)
      const states = cutStates(log, span).filter(({ durable }) => (log[durable - 1]?.at ?? 0) <= span.endedAt)
      const failures: string[] = []
      const counts = { old: 0, new: 0 }
      for (const state of sampleStates(states, SETTINGS.howMany ?? sample, SETTINGS.seed)) {
        await using afterwards = await boots.machineAfter(options, span.boot, state)
        try {
          counts[(await expectRecovery(afterwards)) ? 'new' : 'old'] += 1
        } catch (error) {
          const place = await collectEvidence(afterwards, `${stretch} ${String(state.number)}`)
          failures.push(`state ${String(state.number)}: ${error instanceof Error ? error.message : String(error)}\nEvidence is in ${place}`)
        }
      }
      const found = `${String(counts.old)} came up old, ${String(counts.new)} new, ${String(failures.length)} failed`
      process.stdout.write(`power cut in ${stretch}: ${String(states.length)} states, ${found}\n`)
      expect(failures).toEqual([])
      expect(machine.isOn).toBe(false)
    })
})
