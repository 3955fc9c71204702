/** More than a VT100 has: an EFI firmware takes the line for a terminal of 50 rows. */
const ROWS = 50
const COLUMNS = 80

/** A whole control sequence (ECMA-48): CSI, OSC, the choice of a character set, or an escape with one character. */
const SEQUENCE = /^\u001b(?:\[([?!>]?)([\d;:]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[()][0-9A-B]|[^[\]()])/

/** No sequence is as long as this: what looks like one is text. */
const LONGEST_SEQUENCE = 200

/**
 * What a terminal of 80 columns shows: as much of a VT100 as GRUB 2.06 and 2.12 draw their menu with (cursor addressing, erasing), and lines
 * that scroll. A sequence that is cut between two writes is understood.
 */
export class TerminalScreen {
  #cells: string[][] = blank()
  #row = 0
  #column = 0
  #rest = ''

  /** @returns the text in it, without control sequences and carriage returns */
  write(chunk: string): string {
    const input = this.#rest + chunk
    this.#rest = ''
    let text = ''
    let position = 0
    while (position < input.length) {
      const character = input.charAt(position)
      if (character === '\u001b') {
        const sequence = SEQUENCE.exec(input.slice(position, position + LONGEST_SEQUENCE))
        if (sequence === null && input.length - position < LONGEST_SEQUENCE) {
          this.#rest = input.slice(position)
          break
        }
        if (sequence !== null) this.#control(sequence[3] ?? '', sequence[1] ?? '', sequence[2] ?? '')
        position += sequence?.[0].length ?? 1
        continue
      }
      text += this.#print(character)
      position += 1
    }
    return text
  }

  /** Its rows from the top, without the blanks at their ends. */
  rows(): string[] {
    return this.#cells.map((cells) => cells.join('').trimEnd())
  }

  clear(): void {
    this.#cells = blank()
    this.#row = 0
    this.#column = 0
    this.#rest = ''
  }

  #print(character: string): string {
    if (character === '\n') {
      this.#lineFeed()
      return '\n'
    }
    if (character === '\r') this.#column = 0
    else if (character === '\b') this.#column = Math.max(0, this.#column - 1)
    else if (character === '\t') this.#column = Math.min(COLUMNS - 1, (Math.floor(this.#column / 8) + 1) * 8)
    if (character < ' ') return character === '\t' ? '\t' : ''
    if (this.#column >= COLUMNS) {
      this.#column = 0
      this.#lineFeed()
    }
    const cells = this.#cells[this.#row]
    if (cells !== undefined) cells[this.#column] = character
    this.#column += 1
    return character
  }

  #lineFeed(): void {
    if (this.#row < ROWS - 1) {
      this.#row += 1
      return
    }
    this.#cells.shift()
    this.#cells.push(blankRow())
  }

  #control(command: string, kind: string, parameters: string): void {
    if (kind !== '') return
    const [first = 0, second = 0] = parameters.split(';').map(Number)
    const within = (value: number, size: number): number => Math.min(Math.max(value, 0), size - 1)
    if (command === 'H' || command === 'f') {
      this.#row = within((first || 1) - 1, ROWS)
      this.#column = within((second || 1) - 1, COLUMNS)
    } else if (command === 'A') this.#row = within(this.#row - (first || 1), ROWS)
    else if (command === 'B') this.#row = within(this.#row + (first || 1), ROWS)
    else if (command === 'C') this.#column = within(this.#column + (first || 1), COLUMNS)
    else if (command === 'D') this.#column = within(this.#column - (first || 1), COLUMNS)
    else if (command === 'J') this.#erase(first, true)
    else if (command === 'K') this.#erase(first, false)
  }

  /** @param part 0 to the end, 1 from the beginning, 2 all of the screen or the row */
  #erase(part: number, screen: boolean): void {
    this.#cells.forEach((cells, row) => {
      if (row === this.#row) {
        if (part === 0) cells.fill(' ', this.#column)
        else cells.fill(' ', 0, part === 1 ? this.#column + 1 : COLUMNS)
      } else if (screen && (part === 2 || (part === 0 ? row > this.#row : row < this.#row))) cells.fill(' ')
    })
  }
}

function blankRow(): string[] {
  return Array.from({ length: COLUMNS }, () => ' ')
}

function blank(): string[][] {
  return Array.from({ length: ROWS }, blankRow)
}
