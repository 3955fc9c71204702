/** Text in columns, each as wide as its longest cell; the last one is not padded. */
export const columns = (rows: readonly (readonly string[])[]): string => {
  const widths: number[] = []
  for (const row of rows) for (const [position, cell] of row.entries()) widths[position] = Math.max(widths[position] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, position) => (position === row.length - 1 ? cell : cell.padEnd(widths[position] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
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
