import { median, type Series } from '../lab/samples.ts'
import type { Comparison } from './comparison.ts'

const SECOND = 1000

const duration = (milliseconds: number): string => {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`
  return milliseconds < SECOND ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / SECOND).toFixed(milliseconds < 10 * SECOND ? 2 : 1)} s`
}

const ratio = (ours: number, theirs: number): string => {
  const value = ours / theirs
  return `${value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : 1)} ×`
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
const code = (text: string): string => `\`${text}\``

const isReached = ({ belay, other, target }: Comparison): boolean | null =>
  target === null ? null : target.isReached(median(belay.samples), median(other.samples))

const verdict = (comparison: Comparison): string => {
  const reached = isReached(comparison)
  if (comparison.target === null || reached === null) return ''
  return reached ? comparison.target.text : `**missed**: ${comparison.target.text}`
}

/** The table of the README: medians, ratios and targets. */
export const comparisonTable = (comparisons: readonly Comparison[]): string =>
  table(
    ['what', 'belay', 'beside', 'that takes', 'belay ÷ that', 'target'],
    comparisons.map((comparison) => {
      const [ours, theirs] = [median(comparison.belay.samples), median(comparison.other.samples)]
      return [comparison.what, duration(ours), comparison.other.name, duration(theirs), ratio(ours, theirs), verdict(comparison)]
    }),
  )

const spread = ({ name, samples }: Series): string[] => [
  code(name),
  String(samples.length),
  duration(median(samples)),
  duration(Math.min(...samples)),
  duration(Math.max(...samples)),
]

/** Every series behind the comparisons once, with its spread. */
export const seriesTable = (comparisons: readonly Comparison[]): string => {
  const seen = new Set<Series>()
  const rows = comparisons.flatMap(({ what, belay, other }) =>
    [belay, other].flatMap((series) => {
      if (seen.has(series)) return []
      seen.add(series)
      return [[what, ...spread(series)]]
    }),
  )
  return table(['of', 'series', 'runs', 'median', 'fastest', 'slowest'], rows)
}
