import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readGrubMenu } from '../../vm/lab/grub-menu.ts'
import { TerminalScreen } from '../../vm/lab/terminal-screen.ts'

// What GRUB 2.12-9+deb13u2 wrote to a serial line: Debian's menu with two entries, the countdown, and the start of the first.
const recorded = readFileSync(join(import.meta.dirname, '../../fixtures/boot/grub-2.12-menu-serial.txt'), 'utf8')
const STARTED = '\u001b[?25h'
const menuAlone = recorded.slice(0, recorded.indexOf(STARTED))

const screenOf = (...chunks: readonly string[]): TerminalScreen => {
  const screen = new TerminalScreen()
  for (const chunk of chunks) screen.write(chunk)
  return screen
}

describe('a terminal that GRUB draws its menu on', () => {
  it('shows the entries and which one is highlighted', () => {
    expect(readGrubMenu(screenOf(menuAlone).rows())).toEqual({
      entries: ['Debian GNU/Linux', 'Advanced options for Debian GNU/Linux'],
      highlighted: 0,
    })
  })

  it('shows the same when it arrives byte by byte', () => {
    expect(screenOf(...menuAlone.split(/(?=)/u)).rows()).toEqual(screenOf(menuAlone).rows())
  })

  it('follows the highlight to another entry', () => {
    const moved = ['\u001b[5;3H Debian GNU/Linux', '\u001b[7m\u001b[6;3H*Advanced options for Debian GNU/Linux\u001b[m']
    expect(readGrubMenu(screenOf(menuAlone, ...moved).rows())?.highlighted).toBe(1)
  })

  it('has no menu while the highlight is on its way', () => {
    expect(readGrubMenu(screenOf(menuAlone, '\u001b[5;3H Debian').rows())).toBeNull()
  })

  it('has no menu before it is drawn, nor when the entry was started', () => {
    expect(readGrubMenu(screenOf(menuAlone.slice(0, 400)).rows())).toBeNull()
    expect(readGrubMenu(screenOf(recorded).rows())).toBeNull()
  })

  it('gives the text without its control sequences', () => {
    expect(new TerminalScreen().write('[\u001b[0;1;31mFAILED\u001b[0m] Failed\r\n\u001b]104\u0007\u001b[?7hdone')).toBe('[FAILED] Failed\ndone')
  })

  it('scrolls when its last row is full', () => {
    const screen = screenOf(Array.from({ length: 60 }, (_, line) => `line ${String(line)}`).join('\r\n'))
    expect(screen.rows().at(0)).toBe('line 10')
    expect(screen.rows().at(-1)).toBe('line 59')
  })
})
