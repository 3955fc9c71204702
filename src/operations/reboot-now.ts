import { FailedError, RefusedError, ToolError } from '../errors.ts'
import type { Appliance } from './appliance.ts'

/** Reboot the machine that belay runs on. @throws RefusedError for an appliance that is only mounted, FailedError when it does not go down */
export const rebootNow = async (appliance: Appliance): Promise<void> => {
  if (!appliance.target.live)
    throw new RefusedError('not-running', 'the appliance is mounted at a directory, not running: there is nothing to reboot', { next: ['leave --reboot out'] })
  try {
    await appliance.power.reboot()
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    throw new FailedError('reboot-failed', 'what was asked for is done, but the machine could not be made to reboot', {
      cause: error,
      next: ['systemctl reboot'],
      rebootRequired: true,
    })
  }
}
