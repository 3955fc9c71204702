import type { NamedVersion, RunningFacts } from '../operations/explain-running.ts'

/** A version as people know it. */
export const versionText = ({ be, generation, text }: NamedVersion): string =>
  generation === null ? be : `${be}, generation ${String(generation)}${text === null ? '' : ` (${text})`}`

const attemptsText = (attempts: number): string => (attempts === 1 ? '1 boot is' : `${String(attempts)} boots are`)

/** Why a version is not healthy, in one line. */
export const faultsText = (faults: RunningFacts['faults']): string => faults.map(({ text }) => text).join('; ')

/** What a reason is told from. */
export type ReasonFacts = Pick<RunningFacts, 'why' | 'subject' | 'attemptsLeft' | 'left' | 'startsFirst'> & {
  readonly failure: Pick<NonNullable<RunningFacts['failure']>, 'faults'> | null
  readonly fallback: { readonly be: string } | null
}

type FailedTrial = Readonly<Record<'be' | 'at', string>> & { readonly since: string | null; readonly dataLeft: readonly string[] }

/** What a fallback has not: since when, and where it is kept. Null where there is nothing to tell. */
export const leftByFallback = ({ be, at, since, dataLeft }: FailedTrial): string | null =>
  since === null ? null : `What was written in ${[...dataLeft, `the root of ${be}`].join(', ')} from ${minuteOf(since)} to ${minuteOf(at)} is kept with ${be}.`

/** What the version of before an upgrade has not, its configuration included. */
export const tornText = ({ be, since, dataLeft }: { readonly be: string; readonly since: string; readonly dataLeft: readonly string[] }): string =>
  `What was written in ${[...dataLeft, `the root and the configuration of ${be}`].join(', ')} since ${minuteOf(since)} is kept with ${be}.`

/** `2026-11-19T00:00:00.000Z` as people read it. */
const minuteOf = (time: string): string => `${time.slice(0, 16).replace('T', ' ')} UTC`

/** Why what runs does so, as the end of a sentence that begins with its name. */
export const reasonText = (facts: ReasonFacts): string => {
  const { why, subject, attemptsLeft, fallback, left } = facts
  switch (why) {
    case 'confirmed':
      return left === null ? 'confirmed' : `confirmed; generation ${String(left)} was left behind`
    case 'upgrading':
      return `${subject ?? 'an upgrade'} is under way, or was interrupted`
    case 'upgraded':
      return `${subject ?? 'an upgrade'} is done, and was not started yet`
    case 'upgrade-failed':
      return `${subject ?? 'an upgrade'} failed`
    case 'trial':
      return `on trial${subject === null ? '' : ` after ${subject}`}; ${
        attemptsLeft === 0
          ? `this is its last boot before ${fallback?.be ?? 'the last confirmed version'} comes back`
          : `${attemptsText(attemptsLeft)} left to confirm it`
      }`
    case 'fallback-from-upgrade':
      return `${subject ?? 'an upgrade'} was interrupted or failed, and this is the version of before`
    case 'fallback-from-trial':
      if (facts.failure !== null) return `${subject ?? 'a trial'} failed (${faultsText(facts.failure.faults)}), and this is what GRUB fell back to`
      return `${subject ?? 'a trial'} was not confirmed in time, and this is what GRUB fell back to`
    case 'rolled-back':
      return `${subject ?? 'an upgrade'} was taken back`
    case 'leaving':
      return 'another version was chosen'
    case 'picked':
      return 'picked for this boot alone'
    case 'foreign':
      return facts.startsFirst
        ? 'belay’s first version waits for the next boot; what is written until then stays behind'
        : 'the root that runs is none of belay’s'
    case 'unknown':
      return 'the boot choice is lost'
  }
}
