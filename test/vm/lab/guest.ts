export interface GuestOutcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface GuestOptions {
  /** Default: 120. The script is ended then, which is an error whatever is asked for. */
  readonly timeoutSeconds?: number | undefined
}

/** A running machine as whoever works on it sees it: scripts for /bin/sh, run as root one after the other, with empty standard input. */
export interface Guest {
  /** @returns how it ended, whatever the status. @throws GuestError when it does not end in time */
  run(script: string, options?: GuestOptions): Promise<GuestOutcome>
  /** Runs a script that has to work. @returns its standard output. @throws GuestError */
  must(script: string, options?: GuestOptions): Promise<string>
}

/** How long the text of an error may be, for each part. */
const SHOWN = 4000

/** A script in the guest failed, or did not end in time. */
export class GuestError extends Error {
  readonly outcome: GuestOutcome

  constructor(script: string, reason: string, outcome: GuestOutcome) {
    const output = [outcome.stdout, outcome.stderr].filter((text) => text !== '').map((text) => text.slice(-SHOWN))
    super([`in the guest, ${reason}: ${script.slice(0, SHOWN)}`, ...output].join('\n'))
    this.outcome = outcome
  }
}

/** An argument for a POSIX shell, as it is. */
export const quote = (argument: string): string => `'${argument.replaceAll("'", "'\\''")}'`
