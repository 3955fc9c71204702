import { BelayError } from '../errors.ts'
import type { BootSetRecord } from '../snap/model.ts'
import type { Executor } from '../snap/executor.ts'
import { planConfirm } from '../snap/plan/confirm.ts'
import type { Appliance } from './appliance.ts'
import { pruneByItself } from './carry-out-retention.ts'
import { planContext, readPlanningState, readRunning } from './read-planning-state.ts'

/** Whether the machine must boot before it runs what was installed: another kernel or initrd, or a package says so. */
const needsReboot = async (appliance: Appliance, was: BootSetRecord | null): Promise<boolean> => {
  if (!appliance.target.live) return true
  const index = await appliance.index.read()
  const running = await readRunning(appliance, index)
  const is = index.bootEnvironments.find((be) => be.name === running)?.bootSet ?? null
  return was?.initrd.sha256 !== is?.initrd.sha256 || was?.vmlinuz.sha256 !== is?.vmlinuz.sha256 || (await appliance.packages.rebootRequired())
}

/**
 * Confirm the result of an upgrade that needs no reboot. When that fails the upgrade is done all the same, and stays on trial.
 * @param was the boot set from before the upgrade
 * @returns what to tell
 */
export const confirmAtOnce = async (appliance: Appliance, was: BootSetRecord | null, executor: Executor): Promise<string[]> => {
  if (await needsReboot(appliance, was)) return []
  try {
    await executor.execute(planConfirm(await readPlanningState(appliance), { atomic: appliance.driver.atomicSets }, planContext(appliance)))
    return ['nothing asks for a reboot, so that the result is confirmed', ...(await pruneByItself(appliance))]
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return [`the upgrade is done and on trial, but could not be confirmed: ${error.message} (belay confirm)`]
  }
}
