import { BelayError } from '../../errors.ts'
import type { HealthFault } from '../../snap/model.ts'
import type { JournalMessage } from '../../sys/ports.ts'
import type { Appliance } from '../appliance.ts'
import type { RunningFacts } from '../explain-running.ts'

/** The messages that systemd/belay.catalog explains. */
const FELL_BACK = '8b28fb92716458fdd03c5deb5e8a51bf'
const SICK = '25fa6a01d8a36605eed680f2bd51582e'

const textOf = (faults: readonly HealthFault[]): string => faults.map(({ text }) => text).join('; ')

/** What cannot be written to the journal is in belay's own records. */
const write = async ({ systemJournal, log }: Pick<Appliance, 'systemJournal' | 'log'>, message: JournalMessage): Promise<void> => {
  try {
    await systemJournal?.write(message)
  } catch (error) {
    if (!(error instanceof BelayError)) throw error
    log.warn('the journal took no message', { error: error.message })
  }
}

/** A version failed its trial, and this boot is that of what was good before. */
export const tellOfFallback = (
  appliance: Pick<Appliance, 'systemJournal' | 'log'>,
  { running, subject, failure }: RunningFacts,
  trial: string,
): Promise<void> => {
  const reason = failure === null ? 'its boots ended before it was found healthy' : textOf(failure.faults)
  const since = failure?.since ?? null
  return write(appliance, {
    id: FELL_BACK,
    text: `${trial} failed its trial (${reason}), and the machine fell back to ${running?.be ?? 'another version'}`,
    fields: {
      BELAY_TRIAL: trial,
      BELAY_RUNNING: running?.be ?? '',
      BELAY_SUBJECT: subject ?? trial,
      BELAY_REASON: reason,
      BELAY_LEFT_SINCE: since ?? 'its first boot',
    },
  })
}

/** A confirmed version is not healthy. It stays up. */
export const tellOfSickness = (appliance: Pick<Appliance, 'systemJournal' | 'log'>, running: string, faults: readonly HealthFault[]): Promise<void> =>
  write(appliance, {
    id: SICK,
    text: `${running} is confirmed and not healthy: ${textOf(faults)}`,
    fields: { BELAY_RUNNING: running, BELAY_REASON: textOf(faults) },
  })
