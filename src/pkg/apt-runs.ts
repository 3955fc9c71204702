import type { AptOwner } from './apt-owner.ts'

/** Runs of apt that belay did not start. The adapter is in apt/; tests have one in memory. */
export interface AptRuns {
  /** The program that runs apt's library above this process; null when none is found. */
  owner(): Promise<AptOwner | null>
  /** The process that changes packages now, by dpkg's locks. */
  lockHolder(): Promise<number | null>
  /** Note that this program's session has its restore point, and let a unit wait for its end. */
  begin(owner: AptOwner): Promise<void>
  /** Take the note back. Fine when there is none. */
  end(): Promise<void>
  /** Whether dpkg has written none of its records since a restore point was taken, whose root is in this directory. */
  isUntouchedSince(rootDirectory: string): Promise<boolean>
}
