import { ExtraArgument, isOwnArgument } from './kernel-arguments.ts'

/** What a machine's owner told Debian's GRUB, as far as belay's own menu has a place for it. */
export interface GrubDefaults {
  readonly kernelArguments: readonly string[]
  /** Seconds; null when it is not said, or a menu that waits for ever was asked for. */
  readonly timeoutSeconds: number | null
  readonly serial: { readonly unit: number; readonly speed: number } | null
  /** Kernel arguments that belay cannot write to its menu. */
  readonly leftOut: readonly string[]
}

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?(GRUB_[A-Z0-9_]+)=("(?:[^"\\]|\\.)*"|'[^']*'|[^ \t"'#;\\`]*)[ \t]*(?:#.*)?$/
const REFERENCE = /\$(?:\{(GRUB_[A-Z0-9_]+)\}|(GRUB_[A-Z0-9_]+))/g
const LONGEST_TIMEOUT = 600

/** Values of assignments as the shell would make them. A line that is more than an assignment of text and other GRUB_ variables is passed over. */
const readAssignments = (texts: readonly string[]): ReadonlyMap<string, string> => {
  const values = new Map<string, string>()
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, name, quoted] = ASSIGNMENT.exec(line) ?? []
    if (name === undefined || quoted === undefined) continue
    if (quoted.startsWith("'")) {
      values.set(name, quoted.slice(1, -1))
      continue
    }
    const inner = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll(/\\(["\\$`])/g, '$1') : quoted
    const value = inner.replaceAll(REFERENCE, (_, braced: string | undefined, plain: string | undefined) => values.get(braced ?? plain ?? '') ?? '')
    if (!/[$`]/.test(value)) values.set(name, value)
  }
  return values
}

const wordsOf = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '')

/** The number behind `--name=`, within bounds. */
const optionOf = (command: string, name: string, fallback: number, most: number): number => {
  const value = Number(new RegExp(`(?:^|\\s)--${name}=(\\d+)(?:\\s|$)`).exec(command)?.[1] ?? fallback)
  return value <= most ? value : fallback
}

/**
 * Reads what /etc/default/grub and /etc/default/grub.d/*.cfg say, in the order in which grub-mkconfig (2.06, 2.12) sources them. The files are shell; they
 * are parsed here and never run, so that belay may look at an image that it does not trust.
 */
export const readGrubDefaults = (texts: readonly string[]): GrubDefaults => {
  const values = readAssignments(texts)
  const asked = [...wordsOf(values.get('GRUB_CMDLINE_LINUX')), ...wordsOf(values.get('GRUB_CMDLINE_LINUX_DEFAULT'))].filter((word) => !isOwnArgument(word))
  const usable = (word: string): boolean => ExtraArgument.safeParse(word).success
  const timeout = Number.parseInt(values.get('GRUB_TIMEOUT') ?? '', 10)
  const terminals = wordsOf(`${values.get('GRUB_TERMINAL') ?? ''} ${values.get('GRUB_TERMINAL_OUTPUT') ?? ''}`)
  const serial = values.get('GRUB_SERIAL_COMMAND') ?? ''
  return {
    kernelArguments: [...new Set(asked.filter(usable))],
    timeoutSeconds: Number.isInteger(timeout) && timeout >= 0 && timeout <= LONGEST_TIMEOUT ? timeout : null,
    // grub's serial command (2.12, term/serial.c): unit 0 and 9600 baud unless told otherwise.
    serial: terminals.includes('serial') ? { unit: optionOf(serial, 'unit', 0, 3), speed: optionOf(serial, 'speed', 9600, 115_200) } : null,
    leftOut: asked.filter((word) => !usable(word)),
  }
}
