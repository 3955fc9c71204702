import type { CloseReport } from '../operations/close-upgrade.ts'
import type { GuardReport } from '../operations/guard-apt-run.ts'

/** What apt's hook says of a run, in apt's own output; nothing where it did nothing. */
export const guardText = ({ outcome, text }: GuardReport): string => {
  switch (outcome) {
    case 'guarded':
    case 'joined':
      return `belay: ${text}\n`
    case 'unguarded':
      return `belay: this run of apt has no restore point: ${text}\nbelay: it is noted down (belay status)\n`
    case 'not-asked':
      return ''
  }
}

const ENDINGS: Readonly<Record<string, string>> = {
  done: 'closed',
  undone: 'taken back',
  escaped: 'flagged as failed; the next boot starts the untouched version',
}

/** What was closed, for the journal of the unit that does it. */
export const closeText = ({ closed, session }: CloseReport): string =>
  [
    ...(closed.length === 0 ? ['nothing to close'] : closed.map(({ operation, outcome }) => `${operation}: ${ENDINGS[outcome] ?? outcome}`)),
    ...(session === null ? [] : [`${session.phase}: ${session.text}`]),
    '',
  ].join('\n')
