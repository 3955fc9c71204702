/**
 * The exit codes of every belay command, the same in text and JSON mode (documented in docs/operators-guide.md and each `--help`).
 */
export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  refused: 10,
  locked: 11,
  noSpace: 12,
  notFound: 13,
  changed: 14,
  failedUndone: 20,
  failedNotUndone: 21,
  /** Of the hidden command before-apt alone (docs/integrators-guide.md). */
  aptStops: 30,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each exit code tells a person or a script. */
export const EXIT_MEANING: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'a bug in belay',
  2: 'the command line or the configuration is wrong',
  10: 'refused by a check; nothing was changed',
  11: 'another operation holds the lock',
  12: 'not enough space; nothing was changed',
  13: 'not found',
  14: 'the machine changed since the plan was made; nothing was changed',
  20: 'failed; undone, or to be undone by the next boot (the JSON field rebootRequired says which)',
  21: 'failed and NOT undone; the message holds the recovery command',
  30: 'apt is to stop, because policy says so',
}
