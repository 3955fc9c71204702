import { UsageError } from './errors.ts'

const DAY_MS = 86_400_000
const LONGEST_OWNER = 64

const dateOf = (time: number): string => new Date(time).toISOString().slice(0, 10)

/**
 * Parser of `--until`: a date that is not over, or days from now. @returns the last day, `2027-01-31`
 * @throws UsageError
 */
export const parseUntil = (text: string, now: Date): string => {
  const next = ['belay keep 4 --until 2027-01-31', 'belay keep 4 --until 30d']
  const [, days] = /^([1-9]\d{0,4})d$/.exec(text) ?? []
  if (days !== undefined) return dateOf(now.getTime() + Number(days) * DAY_MS)
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN
  // A day that no month has is carried over into the next one by some engines and refused by others.
  if (Number.isNaN(time) || dateOf(time) !== text) throw new UsageError(`${JSON.stringify(text)} is no date and no number of days`, { next })
  if (text < dateOf(now.getTime())) throw new UsageError(`${text} is over`, { next })
  return text
}

const checkOwner = (text: string): string => {
  if (text === '' || text.length > LONGEST_OWNER || /\p{C}/u.test(text))
    throw new UsageError(`${JSON.stringify(text)} cannot name who keeps it: 1 to ${String(LONGEST_OWNER)} characters, none of them a control character`, {
      next: ['belay keep 4 --for support'],
    })
  return text
}

/** Parser of `--for`. @throws UsageError */
export const parseOwner = (text: string): Promise<string> => Promise.resolve(text).then(checkOwner)
