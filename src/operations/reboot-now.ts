import { RefusedError } from '../errors.ts'
import type { Appliance } from './appliance.ts'

/** Reboot the machine that belay runs on. @throws RefusedError for an appliance that is only mounted. */
export const rebootNow = async (appliance: Appliance): Promise<void> => {
  if (!appliance.target.live)
    throw new RefusedError('not-running', 'the appliance is mounted at a directory, not running: there is nothing to reboot', { next: ['leave --reboot out'] })
  await appliance.power.reboot()
}
