import { BelayError } from '../errors.ts'
import type { BeName } from '../snap/names.ts'
import type { Appliance } from './appliance.ts'
import { isUnstarted } from '../snap/plan/state.ts'
import { readRunning, readRunningByPlace } from './read-planning-state.ts'

export interface RebootSituation {
  /** The boot environment that is mounted at the target's root. */
  readonly running: BeName | null
  /** An upgrade of it is on trial and waits for its first boot. */
  readonly trialOfRunning: boolean
}

/** What the note that a reboot is needed depends on besides the boot choice. Works without a readable index, as confirm does. */
export const readRebootSituation = async ({
  driver,
  target,
  index,
  bootId,
}: Pick<Appliance, 'driver' | 'target' | 'index' | 'bootId'>): Promise<RebootSituation> => {
  try {
    const known = await index.readIfAny()
    const running = known === null ? null : await readRunning({ driver, target }, known)
    return { running, trialOfRunning: known?.session?.phase === 'trial' && known.session.be === running && isUnstarted(known.session, bootId) }
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    return { running: await readRunningByPlace({ driver, target }), trialOfRunning: false }
  }
}
