import { BelayError } from '../errors.ts'
import type { BootSetRecord, HealthFault } from '../snap/model.ts'
import type { Executor } from '../snap/executor.ts'
import { planConfirm } from '../snap/plan/confirm.ts'
import type { Appliance } from './appliance.ts'
import { pruneByItself } from './carry-out-retention.ts'
import { checkHealth, faultsOf } from './health/check-health.ts'
import { planContext, readPlanningState, readRunning } from './read-planning-state.ts'

/** Whether the machine must boot before it runs what was installed: another kernel or initrd, or a package says so. */
const needsReboot = async (appliance: Appliance, was: BootSetRecord | null): Promise<boolean> => {
  if (!appliance.target.live) return true
  const index = await appliance.index.read()
  const running = await readRunning(appliance, index)
  const is = index.bootEnvironments.find((be) => be.name === running)?.bootSet ?? null
  return was?.initrd.sha256 !== is?.initrd.sha256 || was?.vmlinuz.sha256 !== is?.vmlinuz.sha256 || (await appliance.packages.rebootRequired())
}

/** Under way while the machine goes down: systemd.special(7). */
const SHUTDOWN = 'shutdown.target'
const LOOKS = 4
const LOOK_AGAIN_MS = 10_000

/** What is wrong with the machine that runs, and does not pass: services that were just restarted take their time. */
const findLastingFaults = async (appliance: Appliance, looks = LOOKS): Promise<readonly HealthFault[]> => {
  const faults = faultsOf(await checkHealth(appliance))
  if (faults.length === 0 || looks === 1) return faults
  await appliance.clock.pause(LOOK_AGAIN_MS)
  return findLastingFaults(appliance, looks - 1)
}

/** Why the result has to wait for the health gate of the next boot. Null where nothing is wrong, and where no systemd can be asked. */
const whyUnproven = async (appliance: Appliance): Promise<string | null> => {
  const { units, log } = appliance
  if (units === null) return null
  try {
    // What is stopped now says nothing about the result.
    if ((await units.underWay()).includes(SHUTDOWN)) return 'the machine goes down'
    const faults = await findLastingFaults(appliance)
    return faults.length === 0 ? null : `the machine is not healthy (${faults.map(({ check, text }) => `${check}: ${text}`).join('; ')})`
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    log.warn('the health of the machine is not known', { error: error.message })
    return null
  }
}

/**
 * Confirm the result of an upgrade that needs no reboot, where the machine is healthy with it; else it waits for the gate of the next boot. When the confirmation fails
 * the upgrade is done all the same, and stays on trial.
 * @param was the boot set from before the upgrade
 * @returns what to tell
 */
export const confirmAtOnce = async (appliance: Appliance, was: BootSetRecord | null, executor: Executor): Promise<string[]> => {
  if (await needsReboot(appliance, was)) return []
  try {
    const why = await whyUnproven(appliance)
    if (why !== null) return [`the upgrade is done and stays on trial until the next boot was found healthy: ${why}`]
    await executor.execute(planConfirm(await readPlanningState(appliance), { atomic: appliance.driver.atomicSets }, planContext(appliance)))
    return ['nothing asks for a reboot, so that the result is confirmed', ...(await pruneByItself(appliance))]
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return [`the upgrade is done and on trial, but could not be confirmed: ${error.message} (belay confirm)`]
  }
}
