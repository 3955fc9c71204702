/** All that the verdict on a boot depends on. */
export interface JudgedBoot {
  /** What runs is on trial, and was started as that: not a fallback, not picked for one boot, not confirmed. */
  readonly onTrial: boolean
  /** What runs is good, by a rollback out of the trial of an upgrade that is not closed yet. */
  readonly rolledBack: boolean
  /** Boots that GRUB would still give the trial. */
  readonly attemptsLeft: number
  /** This trial was given up in an earlier boot. */
  readonly givenUp: boolean
  readonly healthy: boolean
  /** Boots of this trial in a row, up to the one before, that were healthy. */
  readonly healthyBoots: number
  /** How many it takes. */
  readonly wanted: number
}

/**
 * What follows from the health of a boot:
 * - confirm: the version stays;
 * - wait: healthy, and more such boots are wanted; the trial goes on with all its attempts, so that a reboot is no failure;
 * - fall-back: the next boot, at once, starts what was good before;
 * - report: it is told, and the machine stays up.
 */
export type Verdict = 'confirm' | 'wait' | 'fall-back' | 'report'

/** A boot of a trial that is ended in order before it was judged. */
export interface EndedBoot extends Pick<JudgedBoot, 'onTrial' | 'attemptsLeft' | 'givenUp'> {
  /** The trial was found sick in this boot. */
  readonly failed: boolean
  /** Boots that a trial gets. */
  readonly attempts: number
  /** How often that has happened since the last healthy boot. */
  readonly orderlyEnds: number
}

/**
 * Whether a boot that somebody ends in order costs the trial no attempt. An application that reboots the machine by itself looks the same, so this is given no more
 * often than there are attempts.
 */
export const isForgiven = ({ onTrial, attemptsLeft, givenUp, failed, attempts, orderlyEnds }: EndedBoot): boolean =>
  onTrial && !givenUp && !failed && attemptsLeft < attempts && orderlyEnds < attempts

/**
 * The verdict on a boot. Only a trial is ever left: behind anything else there is nothing better to start. A trial that was given up and runs all the same was
 * started because GRUB could load nothing else; leaving it again would go on for ever.
 */
export const judgeBoot = ({ onTrial, rolledBack, attemptsLeft, givenUp, healthy, healthyBoots, wanted }: JudgedBoot): Verdict => {
  if (rolledBack && healthy) return 'confirm'
  if (!onTrial || (givenUp && attemptsLeft === 0)) return 'report'
  if (!healthy) return 'fall-back'
  return healthyBoots + 1 >= wanted ? 'confirm' : 'wait'
}
