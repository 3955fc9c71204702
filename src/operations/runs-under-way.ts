import type { JournalRecord } from '../snap/journal.ts'
import type { Appliance } from './appliance.ts'

/** Runs that have not ended, by whether the process that works on them still runs: one that died was interrupted. */
export const sortByOwner = async (
  { isAlive }: Pick<Appliance, 'isAlive'>,
  runs: readonly { readonly record: JournalRecord }[],
): Promise<{ readonly alive: readonly JournalRecord[]; readonly dead: readonly JournalRecord[] }> => {
  const alive: JournalRecord[] = []
  const dead: JournalRecord[] = []
  for (const { record } of runs) ((await isAlive(record.owner)) ? alive : dead).push(record)
  return { alive, dead }
}
