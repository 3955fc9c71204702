import { z } from 'zod'
import { LockedError } from '../errors.ts'
import { notInitialised } from '../snap/index-store.ts'
import type { Index } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import type { Appliance } from './appliance.ts'
import { type RunningFacts, RunningWhy } from './explain-running.ts'
import { holdLock } from './hold-lock.ts'
import { readRunningFacts } from './read-running-facts.ts'
import { recordStart } from './record-start.ts'
import { type Settled, settleInterrupted } from './settle-interrupted.ts'

/** What `belay booted` found and did. */
export const BootReport = z.object({
  running: z.string().nullable().describe('boot environment that came up; null when it is none of belay’s'),
  generation: z.int().nullable(),
  why: RunningWhy,
  next: z.string().nullable().describe('boot environment that GRUB starts next'),
  recorded: z.boolean().describe('false when this boot was recorded before, or another operation holds the lock'),
  recovered: z.array(z.object({ plan: z.string(), operation: z.string(), outcome: z.string() })).describe('interrupted runs that were brought to an end'),
  torn: z.string().nullable().describe('boot environment that an interrupted or failed upgrade left torn, as was found now'),
  identityGivenTo: z.array(z.string()).describe('boot environments that were given the machine’s own files'),
})
export type BootReport = z.infer<typeof BootReport>

export interface RecordedBoot {
  readonly report: BootReport
  readonly facts: RunningFacts
}

/** The menu is made by the policy of the version that runs, which may be another one than that of the version before. */
const bringMenuUpToDate = async ({ boot, policyProblem, log }: Appliance, index: Index): Promise<void> => {
  const { choice } = await boot.readChoice()
  if (choice === null || policyProblem !== null || (await boot.isMenuCurrent(index, choice))) return
  await boot.writeMenu(index, choice).catch((error: unknown) => {
    // The one that is there starts what it did before; doctor names it.
    log.warn('the boot menu could not be brought up to date', { error: String(error) })
  })
}

/** What runs is not what end-trial rebooted away from: that worked, and works again. */
const forgetEndedTrial = async ({ boot, log }: Appliance, { running }: RunningFacts): Promise<void> => {
  if (running === null) return
  await boot.forgetEndedTrial(running.be).catch((error: unknown) => {
    log.warn('the note of an ended trial could not be removed', { error: String(error) })
  })
}

/** What is done once after each boot. While another operation holds the lock it only looks: that one has recorded the boot. */
export const recordBoot = async (appliance: Appliance): Promise<RecordedBoot> => {
  const facts = await readRunningFacts(appliance)
  await forgetEndedTrial(appliance, facts)
  let settled: Settled = { recovered: [], torn: null }
  const record = async (): Promise<BeName[] | null> => {
    const index = await appliance.index.readIfAny()
    if (index === null) throw notInitialised()
    const given = await recordStart(appliance, index, facts)
    settled = await settleInterrupted(appliance)
    await bringMenuUpToDate(appliance, await appliance.index.read())
    return given
  }
  const given = await holdLock(appliance, { operation: 'booted', brief: true }, record).catch((error: unknown) => {
    if (!(error instanceof LockedError)) throw error
    appliance.log.info('another operation is under way', { error: error.message })
    return null
  })
  // What was picked for one boot waits for no reboot, although the next one starts another version.
  if (facts.why !== 'picked') await appliance.rebootNote.bringUpToDate('belay')
  const now = settled.recovered.length === 0 ? facts : await readRunningFacts(appliance)
  const report = {
    running: now.running?.be ?? null,
    generation: now.running?.generation ?? null,
    why: now.why,
    next: now.next?.be ?? null,
    recorded: given !== null,
    recovered: settled.recovered.map((run) => ({ ...run })),
    torn: settled.torn,
    identityGivenTo: given ?? [],
  }
  return { facts: now, report }
}
