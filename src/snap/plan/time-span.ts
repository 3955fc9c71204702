const MINUTE = 60_000
const MINUTES_OF_HOUR = 60
const MINUTES_OF_DAY = 24 * MINUTES_OF_HOUR

/** Milliseconds between two ISO times; a clock that was set back makes none of them. */
const between = (from: string, to: string): number => Math.max(0, Date.parse(to) - Date.parse(from))

/** Hours between two ISO times, to a tenth. */
export const hoursBetween = (from: string, to: string): number => Math.round((between(from, to) / (MINUTES_OF_HOUR * MINUTE)) * 10) / 10

const counted = (count: number, unit: string): string => `${String(count)} ${unit}${count === 1 ? '' : 's'}`

/** The time between two ISO times for people, in its two largest units: “2 days and 3 hours”. */
export const spanBetween = (from: string, to: string): string => {
  const minutes = Math.floor(between(from, to) / MINUTE)
  if (minutes < 1) return 'less than a minute'
  const [days, hours] = [Math.floor(minutes / MINUTES_OF_DAY), Math.floor((minutes % MINUTES_OF_DAY) / MINUTES_OF_HOUR)]
  const units = [
    [days, 'day'],
    [hours, 'hour'],
    [minutes % MINUTES_OF_HOUR, 'minute'],
  ] as const
  const first = units.findIndex(([count]) => count > 0)
  return units
    .slice(first, first + 2)
    .flatMap(([count, unit]) => (count > 0 ? [counted(count, unit)] : []))
    .join(' and ')
}
