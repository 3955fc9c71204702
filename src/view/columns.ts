/** Columns that a cell needs to be readable beside others. */
const NARROWEST_CELL = 20
const INDENT = '    '

/** Text broken at blanks into lines of at most that many columns; a word that is longer stays whole. */
const broken = (text: string, width: number): string[] => {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

/** A line whose last cell is too long for the terminal: broken in its own column, or where that is too narrow on lines of its own below. */
const fitted = (before: string, last: string, width: number | null): string => {
  if (width === null || before.length + last.length <= width) return `${before}${last}`.trimEnd()
  const room = width - before.length
  if (room >= NARROWEST_CELL)
    return broken(last, room)
      .join(`\n${' '.repeat(before.length)}`)
      .replace(/^/, before)
  return [before.trimEnd(), ...broken(last, Math.max(width - INDENT.length, NARROWEST_CELL)).map((line) => `${INDENT}${line}`)].join('\n')
}

/**
 * Text in columns, each as wide as its longest cell; the last one is not padded.
 * @param width columns of the terminal, null where lines may be as long as they are
 */
export const columns = (rows: readonly (readonly string[])[], width: number | null = null): string => {
  const widths: number[] = []
  for (const row of rows) for (const [position, cell] of row.entries()) widths[position] = Math.max(widths[position] ?? 0, cell.length)
  return rows
    .map((row) => {
      const before = row.slice(0, -1).map((cell, position) => `${cell.padEnd(widths[position] ?? 0)}  `)
      return fitted(before.join(''), row.at(-1) ?? '', width)
    })
    .join('\n')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Bytes for people, in powers of 1024. */
export const bytes = (count: number): string => {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value >= 100 || unit === 0 ? String(Math.round(value)) : value.toFixed(1)} ${UNITS[unit] ?? 'TiB'}`
}

/** An ISO time as `2026-11-21 14:03`, in UTC as machines log it. */
export const minute = (iso: string): string => iso.slice(0, 16).replace('T', ' ')
