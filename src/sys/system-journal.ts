import { BelayError } from '../errors.ts'
import type { JournalMessage, Runner, SystemJournal } from './ports.ts'

const JOURNALCTL = '/usr/bin/journalctl'
const LOGGER = '/usr/bin/logger'
/** LOG_WARNING of syslog(3). */
const WARNING = '4'
/** A journal on a failing disk must not hold up what is decided. */
const PATIENCE_MS = 30_000

/** One entry for `logger --journald` (util-linux 2.38): a field a line, so that no value may have a line break. */
const entryOf = ({ id, text, fields }: JournalMessage): string =>
  Object.entries({ MESSAGE_ID: id, PRIORITY: WARNING, SYSLOG_IDENTIFIER: 'belay', MESSAGE: text, ...fields })
    .map(([name, value]) => `${name}=${value.replaceAll(/\s*[\n\0]\s*/g, ' ')}\n`)
    .join('')

/** The journal of systemd. */
export const createSystemJournal = (runner: Runner): SystemJournal => ({
  async lastLines(unit, count) {
    try {
      const args = ['--boot', `--unit=${unit}`, `--lines=${String(count)}`, '--output=cat', '--no-pager', '--quiet']
      const { stdout } = await runner.run(JOURNALCTL, args, { timeoutMs: PATIENCE_MS })
      return stdout.split('\n').filter((line) => line !== '')
    } catch (error) {
      if (!(error instanceof BelayError)) throw error
      return []
    }
  },
  async write(message) {
    await runner.run(LOGGER, ['--journald'], { input: entryOf(message), timeoutMs: PATIENCE_MS })
  },
})
