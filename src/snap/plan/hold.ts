import type { Generation, Hold } from '../model.ts'

const DAY = 86_400_000

/** Whether a hold is over: its last day has gone by. @param now ISO time */
export const isOver = (hold: Hold, now: string): boolean => hold.until !== null && Date.parse(now) >= Date.parse(hold.until) + DAY

/** Whether no retention rule may take a generation because somebody wants it to stay. @param now ISO time */
export const isKept = ({ keep, hold }: Pick<Generation, 'keep' | 'hold'>, now: string): boolean => keep && (hold === undefined || !isOver(hold, now))

/** For people: `for support until 2027-01-31`. */
export const holdText = ({ owner, until }: Hold): string => `for ${owner}${until === null ? '' : ` until ${until}`}`

/** `kept for support until 2027-01-31`, null for what is not marked. */
export const keptText = ({ keep, hold }: Pick<Generation, 'keep' | 'hold'>): string | null =>
  keep ? ['kept', ...(hold === undefined ? [] : [holdText(hold)])].join(' ') : null
