/** GRUB's menu as it is drawn at one moment. */
export interface GrubMenu {
  /** As shown: cut off at the border where they are longer than the box. */
  readonly entries: readonly string[]
  /** Place in `entries` of the one that Enter starts. */
  readonly highlighted: number
}

/** ASCII on a serial line. An EFI firmware sends its console there too, with the lines of code page 437, which are no UTF-8. */
const BORDER = /^ (?:\+-{20,}\+|[\uFFFD\u0100-\u017F]{20,})$/
const ENTRY = /^ [|\uFFFD](.)(.*?)\s*[|\uFFFD]?$/

/**
 * Reads the menu from the rows of a terminal, as GRUB 2.06 and 2.12 draw it: a box from the second column on, in it a line for each entry, a
 * star in front of the highlighted one.
 * @returns null when no menu is there, or one that is being drawn
 */
export function readGrubMenu(rows: readonly string[]): GrubMenu | null {
  const top = rows.findIndex((row) => BORDER.test(row))
  const bottom = rows.findIndex((row, index) => index > top && BORDER.test(row))
  if (top === -1 || bottom === -1 || !rows.slice(0, top).some((row) => row.includes('GNU GRUB'))) return null
  // The last column of a row in the box may hold an arrow for entries that do not fit.
  const lines = rows.slice(top + 1, bottom).map((row) => ENTRY.exec(row.slice(0, 79)))
  const entries = lines.flatMap((line) => {
    const title = line?.[2]?.trim() ?? ''
    return title === '' ? [] : [{ title, isHighlighted: line?.[1] === '*' }]
  })
  const stars = entries.filter(({ isHighlighted }) => isHighlighted)
  if (stars.length !== 1) return null
  return { entries: entries.map(({ title }) => title), highlighted: entries.findIndex(({ isHighlighted }) => isHighlighted) }
}
