/** Longest title: what an 80-column console shows inside GRUB's frame with the mark and scroll columns beside it. */
export const TITLE_WIDTH = 72

/** Letters and signs that have no decomposition into ASCII, in the spelling that people expect. */
const SPELLED: Readonly<Record<string, string>> = {
  ß: 'ss',
  ẞ: 'SS',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ð: 'd',
  Ð: 'D',
  þ: 'th',
  Þ: 'Th',
  ł: 'l',
  Ł: 'L',
  ı: 'i',
  '‐': '-',
  '‑': '-',
  '‒': '-',
  '–': '-',
  '—': '-',
  '―': '-',
  '−': '-',
  '·': '-',
  '•': '-',
  '→': '->',
  '←': '<-',
  '×': 'x',
  '‘': "'",
  '’': "'",
  '‚': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '…': '...',
  '€': 'EUR',
  '£': 'GBP',
  '°': ' deg',
}

/** A text for GRUB's serial and console terminals, which have no font: one line of printable ASCII, `?` for what cannot be spelled, cut at `width`. */
export function asciiTitle(text: string, width: number = TITLE_WIDTH): string {
  const ascii = text
    .replaceAll(/[^\x20-\x7e]/gu, (character) => SPELLED[character] ?? character)
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .replaceAll(/[^\x20-\x7e]/gu, '?')
    // A word that begins with a dash would be read as an option of menuentry.
    .replace(/^[\s-]+/, '')
    .trim()
  return ascii.length <= width ? ascii : `${ascii.slice(0, width - 3).trimEnd()}...`
}
