import { ExtraArgument, isOwnArgument } from './kernel-arguments.ts'

/** What a machine's owner told Debian's GRUB, as far as belay's own menu has a place for it. */
export interface GrubDefaults {
  readonly kernelArguments: readonly string[]
  /** Seconds; null when it is not said, or a menu that waits for ever was asked for. */
  readonly timeoutSeconds: number | null
  readonly serial: { readonly unit: number; readonly speed: number } | null
  /** What was asked of the kernel and is not taken over: arguments that belay cannot write to its menu, and lines that only a shell could read. */
  readonly leftOut: readonly string[]
}

/** Without an indent: what stands inside an `if` or a function is not a plain setting. */
const ASSIGNMENT = /^(?:export[ \t]+)?(GRUB_[A-Z0-9_]+)=("(?:[^"\\]|\\.)*"|'[^']*'|[^ \t"'#;\\`]*)[ \t]*(?:#.*)?$/
const REFERENCE = /\$(?:\{(GRUB_[A-Z0-9_]+)\}|(GRUB_[A-Z0-9_]+))/g
const LONGEST_TIMEOUT = 600
/** A menu that is shown for no time at all could not be reached. */
const SHORTEST_TIMEOUT = 1
/** Baud, as policy has it. */
const SLOWEST = 1200
const CONCERNS_KERNEL = /^[^#]*\bGRUB_CMDLINE_LINUX(?:_DEFAULT)?=/

interface Assignments {
  readonly values: ReadonlyMap<string, string>
  /** Lines about the kernel's arguments that are more than an assignment of text and other GRUB_ variables. */
  readonly unread: readonly string[]
}

/** Values of assignments as the shell would make them. */
const readAssignments = (texts: readonly string[]): Assignments => {
  const values = new Map<string, string>()
  const unread: string[] = []
  for (const line of texts.flatMap((text) => text.replaceAll('\\\n', '').split('\n'))) {
    const [, name, quoted] = ASSIGNMENT.exec(line) ?? []
    if (name === undefined || quoted === undefined) {
      if (CONCERNS_KERNEL.test(line)) unread.push(line.trim())
      continue
    }
    if (quoted.startsWith("'")) {
      values.set(name, quoted.slice(1, -1))
      continue
    }
    const inner = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll(/\\(["\\$`])/g, '$1') : quoted
    const value = inner.replaceAll(REFERENCE, (_, braced: string | undefined, plain: string | undefined) => values.get(braced ?? plain ?? '') ?? '')
    if (!/[$`]/.test(value)) values.set(name, value)
    else if (CONCERNS_KERNEL.test(line)) unread.push(line.trim())
  }
  return { values, unread }
}

/** Mount options of the root beyond its subvolume, which belay does not write to its entries. */
const hasMoreRootFlags = (word: string): boolean => word.startsWith('rootflags=') && !/^rootflags=subvol(?:id)?=[^,]*$/.test(word)

const wordsOf = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '')

/** The number behind `--name=`, within bounds. */
const optionOf = (command: string, name: string, fallback: number, [least, most]: readonly [number, number]): number => {
  const value = Number(new RegExp(`(?:^|\\s)--${name}[= ](\\d+)(?:\\s|$)`).exec(command)?.[1] ?? fallback)
  return value >= least && value <= most ? value : fallback
}

/**
 * Reads what /etc/default/grub and /etc/default/grub.d/*.cfg say, in the order in which grub-mkconfig (2.06, 2.12) sources them. The files are shell; they
 * are parsed here and never run, so that belay may look at an image that it does not trust.
 */
export const readGrubDefaults = (texts: readonly string[]): GrubDefaults => {
  const { values, unread } = readAssignments(texts)
  const words = [...wordsOf(values.get('GRUB_CMDLINE_LINUX')), ...wordsOf(values.get('GRUB_CMDLINE_LINUX_DEFAULT'))]
  const asked = words.filter((word) => !isOwnArgument(word))
  const usable = (word: string): boolean => ExtraArgument.safeParse(word).success
  const timeout = Number.parseInt(values.get('GRUB_TIMEOUT') ?? '', 10)
  const terminals = wordsOf(`${values.get('GRUB_TERMINAL') ?? ''} ${values.get('GRUB_TERMINAL_OUTPUT') ?? ''}`)
  const serial = values.get('GRUB_SERIAL_COMMAND') ?? ''
  return {
    kernelArguments: [...new Set(asked.filter(usable))],
    timeoutSeconds: Number.isInteger(timeout) && timeout >= 0 && timeout <= LONGEST_TIMEOUT ? Math.max(timeout, SHORTEST_TIMEOUT) : null,
    // grub's serial command (2.12, term/serial.c): unit 0 and 9600 baud unless told otherwise.
    serial: terminals.includes('serial') ? { unit: optionOf(serial, 'unit', 0, [0, 3]), speed: optionOf(serial, 'speed', 9600, [SLOWEST, 115_200]) } : null,
    leftOut: [...words.filter(hasMoreRootFlags), ...asked.filter((word) => !usable(word)), ...unread],
  }
}
