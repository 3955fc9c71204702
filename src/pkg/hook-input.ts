import { z } from 'zod'
import { RefusedError } from '../errors.ts'

/** One package that apt is about to change. */
export interface HookedChange {
  readonly name: string
  readonly arch: string
  /** Null for a package that is new. */
  readonly from: string | null
  /** Null for a package that goes. */
  readonly to: string | null
  readonly action: 'install' | 'upgrade' | 'downgrade' | 'reinstall' | 'remove' | 'configure'
  /** The archive that dpkg unpacks; null where it unpacks none. */
  readonly archive: string | null
}

/** What apt tells a hook of DPkg::Pre-Install-Pkgs that speaks version 3 of the protocol. */
export interface HookInput {
  /** apt runs its hooks and no dpkg. */
  readonly dryRun: boolean
  /** How apt was called, as one printable line; null for a front end that does not say. */
  readonly commandLine: string | null
  readonly changes: readonly HookedChange[]
}

const Word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+:~_-]*$/, 'must be the name, architecture or version of a package')
const Absent = z.literal('-').transform(() => null)

/** `name oldver oldarch oldMultiArch direction newver newarch newMultiArch action`: dpkgpm.cc of apt 2.6.1 and 3.0.3. */
const Line = z.tuple([
  Word,
  Absent.or(Word),
  Absent.or(Word),
  z.string(),
  z.enum(['<', '=', '>']),
  Absent.or(Word),
  Absent.or(Word),
  z.string(),
  z.string().min(1),
])

/** strutl.cc of apt: what counts as true in its configuration. */
const TRUE = /^(?:yes|true|with|on|enable|0*[1-9][0-9]*)$/i

const LONGEST_COMMAND = 200

const notUnderstood = (why: string, line: number | null): RefusedError =>
  new RefusedError('hook-input', `what apt told belay cannot be read${line === null ? '' : ` (line ${String(line)})`}: ${why}`, {
    next: ['apt-config dump DPkg::Tools::Options   (belay asks for Version "3")'],
  })

const decoded = (value: string): string => {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

const printable = (text: string): string =>
  text
    .replaceAll(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, LONGEST_COMMAND)

const actionOf = (word: string, direction: '<' | '=' | '>', from: string | null, to: string | null): HookedChange['action'] => {
  if (word === '**CONFIGURE**') return 'configure'
  if (word === '**REMOVE**' || to === null) return 'remove'
  if (from === null) return 'install'
  return direction === '=' ? 'reinstall' : direction === '<' ? 'upgrade' : 'downgrade'
}

const parseChange = (text: string, line: number): HookedChange => {
  const words = text.split(' ')
  const result = Line.safeParse([...words.slice(0, 8), words.slice(8).join(' ')])
  if (!result.success) throw notUnderstood(result.error.issues[0]?.message ?? 'it is no package', line)
  const [name, from, oldArch, , direction, to, newArch, , word] = result.data
  const arch = newArch ?? oldArch
  if (arch === null) throw notUnderstood(`${name} has neither an old nor a new version`, line)
  if (!word.startsWith('/') && !['**CONFIGURE**', '**REMOVE**', '**ERROR**'].includes(word)) throw notUnderstood(`${word} is no action`, line)
  return { name, arch, from, to, action: actionOf(word, direction, from, to), archive: word.startsWith('/') ? word : null }
}

/** A package is unpacked and configured in two lines: it is one change, the first that is told of it. */
const withoutRepeats = (changes: readonly HookedChange[]): HookedChange[] =>
  [...new Map(changes.toReversed().map((change) => [`${change.name}:${change.arch}`, change])).values()].toReversed()

/** @throws RefusedError `hook-input` for what is not of version 3 */
export const parseHookInput = (text: string): HookInput => {
  const lines = text.split('\n')
  if (lines[0] !== 'VERSION 3') throw notUnderstood(`it begins with ${JSON.stringify(printable(lines[0] ?? '').slice(0, 40))} and not with VERSION 3`, 1)
  const blank = lines.indexOf('')
  if (blank === -1 || blank === lines.length - 1 || !text.endsWith('\n')) throw notUnderstood('it has no end', null)
  const settings = new Map(
    lines.slice(1, blank).flatMap((line): [string, string][] => {
      const equals = line.indexOf('=')
      return equals === -1 ? [] : [[line.slice(0, equals), decoded(line.slice(equals + 1))]]
    }),
  )
  const changes = lines.slice(blank + 1, -1).map((line, position) => parseChange(line, blank + 2 + position))
  const commandLine = printable(settings.get('CommandLine::AsString') ?? '')
  return {
    dryRun: TRUE.test(settings.get('Debug::pkgDPkgPM') ?? ''),
    commandLine: commandLine === '' ? null : commandLine,
    changes: withoutRepeats(changes),
  }
}
