import { BeName } from '../snap/names.ts'
import { BootChoice } from './boot-choice.ts'
import { NoSpaceError } from '../errors.ts'

/** Size of GRUB's environment block, in bytes (grub 2.06 and 2.12, include/grub/lib/envblk.h). */
export const ENV_BLOCK_BYTES = 1024

/** Our values lie in the first sector: the unit that a disk writes whole or not at all. */
export const OURS_WITHIN_BYTES = 512

const SIGNATURE = '# GRUB Environment Block\n'
const FORMAT = '1'

/** The names that grub.cfg loads; it takes no others from the block. */
export const ENV_VARIABLES = {
  format: 'belay_format',
  good: 'belay_good',
  trial: 'belay_trial',
  left: 'belay_left',
  once: 'belay_once',
  /** GRUB's own note across one restart: boot environments that it could not load. */
  skip: 'belay_skip',
} as const
const OURS: ReadonlySet<string> = new Set(Object.values(ENV_VARIABLES))

export interface ParsedEnvBlock {
  /** Null when there is no readable `belay_good`: GRUB then starts the boot environment that the menu fragment calls confirmed. */
  readonly choice: BootChoice | null
  /** Variables that this belay does not know, to be kept when the block is rewritten. Values are bytes, one per character. */
  readonly others: ReadonlyMap<string, string>
  readonly problems: readonly string[]
}

/**
 * The variables of a block exactly as GRUB's load_env sees them, or null when GRUB refuses the whole block (grub-core/lib/envblk.c,
 * grub_envblk_open and grub_envblk_iterate: no checksum; a line without `=` swallows the next one; an unfinished last line is not seen).
 */
export function readEnvVariables(bytes: Uint8Array): Map<string, string> | null {
  const text = Buffer.from(bytes).toString('latin1')
  if (text.length <= SIGNATURE.length || !text.startsWith(SIGNATURE)) return null
  const found = new Map<string, string>()
  let at = SIGNATURE.length
  while (at < text.length) {
    if (text[at] === '#') {
      at = lineEnd(text, at) + 1
      continue
    }
    const equals = text.indexOf('=', at)
    if (equals === -1) break
    const end = lineEnd(text, equals + 1)
    if (end >= text.length) break
    const value = text.slice(equals + 1, end).replaceAll(/\\([^])/g, '$1')
    found.set(cString(text.slice(at, equals)), cString(value))
    at = end + 1
  }
  return found
}

/** What the block says, with everything that is wrong with it in words. Never throws. */
export function parseEnvBlock(bytes: Uint8Array): ParsedEnvBlock {
  const variables = readEnvVariables(bytes)
  if (variables === null) {
    return { choice: null, others: new Map(), problems: [bytes.length === 0 ? 'the env block is empty' : 'the env block does not begin with GRUB’s signature'] }
  }
  const problems = sizeProblems(bytes)
  const read = (name: string): string => variables.get(name) ?? ''
  const be = (name: string): BeName | null => {
    const value = read(name)
    const parsed = BeName.safeParse(value)
    if (!parsed.success && value !== '') problems.push(`${name} is not the name of a boot environment: ${JSON.stringify(value)}`)
    return parsed.success ? parsed.data : null
  }
  const good = be(ENV_VARIABLES.good)
  if (good === null) problems.push(`${ENV_VARIABLES.good} is missing`)
  const trial = be(ENV_VARIABLES.trial)
  const once = be(ENV_VARIABLES.once)
  const left = read(ENV_VARIABLES.left)
  const attempts = /^[0-3]$/.test(left) ? Number(left) : null
  if (attempts === null && trial !== null) problems.push(`${ENV_VARIABLES.left} is not a number from 0 to 3: ${JSON.stringify(left)}`)

  const others = new Map<string, string>()
  for (const [name, value] of variables) {
    if (OURS.has(name)) continue
    if (/^[^\p{Cc}#=][^\p{Cc}=]*$/u.test(name)) others.set(name, value)
    else problems.push(`a line of the env block is junk: ${JSON.stringify(name.slice(0, 40))}`)
  }
  const choice = good === null ? null : BootChoice.parse({ good, trial, attemptsLeft: attempts ?? 0, once })
  return { choice, others, problems }
}

/**
 * The block for a choice, exactly 1024 bytes. Other variables are kept behind ours in their order; `dropped` names those for which there was no room,
 * because the choice of what boots must be writable whatever somebody else left in the block.
 */
export function formatEnvBlock(
  choice: BootChoice,
  others: ReadonlyMap<string, string> = new Map(),
): { readonly bytes: Buffer; readonly dropped: readonly string[] } {
  // Empty values are written too: GRUB's save_env then changes a line where it stands and need not append behind the others.
  const ours: readonly (readonly [string, string])[] = [
    [ENV_VARIABLES.format, FORMAT],
    [ENV_VARIABLES.good, choice.good],
    [ENV_VARIABLES.trial, choice.trial ?? ''],
    [ENV_VARIABLES.left, String(choice.attemptsLeft)],
    [ENV_VARIABLES.once, choice.once ?? ''],
    [ENV_VARIABLES.skip, ''],
  ]
  let text = SIGNATURE + ours.map(([name, value]) => line(name, value)).join('')
  if (text.length > OURS_WITHIN_BYTES) throw new NoSpaceError('the boot choice does not fit into the first sector of the env block')
  const dropped: string[] = []
  for (const [name, value] of others) {
    const next = line(name, value)
    if (OURS.has(name)) continue
    if (text.length + next.length > ENV_BLOCK_BYTES) dropped.push(name)
    else text += next
  }
  return { bytes: Buffer.from(text.padEnd(ENV_BLOCK_BYTES, '#'), 'latin1'), dropped }
}

const line = (name: string, value: string): string => `${name}=${value.replaceAll(/[\\\n]/g, String.raw`\$&`)}\n`

/** Index of the newline that ends the line, or an index at or behind the end of the text; a backslash hides the next character. */
function lineEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return at
}

const cString = (text: string): string => text.split('\0', 1)[0] ?? ''

function sizeProblems(bytes: Uint8Array): string[] {
  const problems: string[] = []
  if (bytes.length !== ENV_BLOCK_BYTES) problems.push(`the env block has ${String(bytes.length)} bytes, not ${String(ENV_BLOCK_BYTES)}`)
  const last = bytes.at(-1)
  if (last !== 0x23 && last !== 0x0a) problems.push('the env block ends in garbage: GRUB can read it but not save into it')
  return problems
}

/**
 * What GRUB's save_env makes of a block when it sets one variable, or null when it refuses (grub_envblk_set: only padding may follow the last line, the first line
 * of that name is changed). For predicting GRUB, not for writing: belay writes whole blocks.
 */
export function saveEnvVariable(bytes: Uint8Array, name: string, value: string): Buffer | null {
  if (readEnvVariables(bytes) === null) return null
  const text = Buffer.from(bytes).toString('latin1')
  const used = text.replace(/#*$/, '')
  if (!used.endsWith('\n')) return null
  for (let at = SIGNATURE.length; at + name.length + 1 < used.length; at = lineEnd(text, at) + 1) {
    if (!text.startsWith(`${name}=`, at)) continue
    const end = lineEnd(text, at + name.length + 1)
    if (end >= text.length) return null
    return padded(used.slice(0, at) + line(name, value).slice(0, -1) + used.slice(end), text.length)
  }
  return padded(used + line(name, value), text.length)
}

const padded = (text: string, length: number): Buffer | null => (text.length > length ? null : Buffer.from(text.padEnd(length, '#'), 'latin1'))
