import type { Appliance } from '../appliance.ts'
import { armedAptRun, isAtWork } from '../close-apt-run.ts'
import { readIndexIfReadable } from '../read-planning-state.ts'
import { readUnguardedRuns } from '../unguarded-apt-runs.ts'
import { type Check, type Diagnosis, note, problem } from './finding.ts'

/** A run of apt that was not closed: what else is found may be its work in progress. */
export const findOpenAptRun = async (appliance: Appliance): Promise<Diagnosis[]> => {
  const session = armedAptRun(await readIndexIfReadable(appliance))
  if (session === null) return []
  const subject = session.text.replace(/^before /, 'the ')
  return (await isAtWork(appliance, session))
    ? [note('under-way', `${subject} is under way (process ${String(session.owner.pid)})`, 'wait for it to end; belay-upgrade.service closes it then')]
    : [problem('interrupted', `${subject} has ended and was not closed`, 'belay doctor --fix')]
}

/** What apt did without a restore point can be left only by going back further. */
export const unguarded: Check = async (appliance, { index }) => {
  const runs = await readUnguardedRuns(appliance, index)
  const last = runs.at(-1)
  if (last === undefined) return []
  const more = runs.length === 1 ? '' : ` (and ${String(runs.length - 1)} before it)`
  return [note('unguarded', `${last.summary} had no restore point${more}: ${last.why}`, 'belay snapshot -m "after apt"')]
}
