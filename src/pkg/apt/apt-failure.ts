import { type BelayError, ChangedError, FailedError, LockedError, NoSpaceError, NotFoundError, RefusedError } from '../../errors.ts'

interface Failure {
  readonly stderr: string
  /** What was under way, for people: `apt-get update`. */
  readonly doing: string
  /** Versions were pinned: one that is missing has gone since. */
  readonly pinned?: boolean
  readonly data?: Readonly<Record<string, unknown>>
}

/** The errors without their mark; lines that are indented go on with the one before them. */
const errorLines = (stderr: string): string[] => {
  const lines: string[] = []
  let going = false
  for (const line of stderr.split('\n')) {
    const previous = lines.at(-1)
    if (line.startsWith('E: ')) lines.push(line.slice(3))
    else if (going && previous !== undefined && line.startsWith('   ')) lines[lines.length - 1] = `${previous} ${line.trim()}`
    going = line.startsWith('E: ') || (going && line.startsWith('   '))
  }
  return lines
}

const captured = (lines: readonly string[], pattern: RegExp): RegExpExecArray | null => {
  for (const line of lines) {
    const match = pattern.exec(line)
    if (match !== null) return match
  }
  return null
}

const MISSING =
  /^(?:Unable to locate package (?<a>\S+)|Version '(?<v>.+)' for '(?<b>.+)' was not found|Package '(?<c>.+)' has no installation candidate|(?:No packages found|Couldn't find any package))/

/**
 * What an exit status of 100 means, from the lines that apt-get puts behind `E:` (apt 2.6 and 3.0). For failures before dpkg changed anything.
 */
export const explainAptFailure = ({ stderr, doing, pinned = false, data = {} }: Failure): BelayError => {
  const lines = errorLines(stderr)
  const text = lines.join('; ') || stderr.trim().slice(-500) || 'no reason was given'

  const missing = captured(lines, MISSING)
  if (missing !== null) {
    const name = missing.groups?.['a'] ?? missing.groups?.['b'] ?? missing.groups?.['c'] ?? 'the package'
    const version = missing.groups?.['v']
    const sentence = version === undefined ? `there is no package ${name} in the archives` : `there is no version ${version} of ${name} in the archives`
    const facts = { ...data, package: name, ...(version === undefined ? {} : { version }) }
    return pinned
      ? new ChangedError(`${sentence} any more`, { next: ['belay upgrade   # plans again'], data: facts })
      : new NotFoundError(sentence, { next: ['apt-get update', `apt-cache policy ${name}`], data: facts })
  }

  const lock = captured(lines, /^Could not get lock (\S+?)\.(?: It is held by process (\d+))?/)
  if (lock !== null || captured(lines, /is another process using it\?$/) !== null) {
    const pid = Number(lock?.[2] ?? 0)
    const next = pid > 0 ? [`tail --pid=${String(pid)} -f /dev/null   # waits for its end`] : ['wait until the other package manager has ended, then try again']
    return new LockedError(`another process uses the package system: ${text}`, { next, data: { ...data, pid: pid > 0 ? pid : null } })
  }

  const full = captured(lines, /^You don't have enough free space in (\S+?)\.?$/)
  if (full !== null || stderr.includes('No space left on device')) {
    return new NoSpaceError(`${doing}: not enough space${full === null ? '' : ` in ${full[1] ?? ''}`}`, {
      next: ['apt-get clean', 'belay prune'],
      data: { ...data, detail: text },
    })
  }

  const unreachable = captured(lines, /^Failed to fetch (\S+)\s+(.*)$/)
  if (unreachable !== null) {
    const [, uri = '', reason = ''] = unreachable
    return new FailedError('archive-unreachable', `${doing}: ${withoutCredentials(uri)} cannot be fetched: ${reason.trim()}`, {
      rebootRequired: false,
      next: ['check the network and /etc/apt/sources.list.d', 'apt-get update   # shows whether the archive answers again'],
      data: { ...data, uri: withoutCredentials(uri) },
    })
  }

  const absent = captured(lines, /^The repository '(\S+) (\S+) (?:In)?Release' (?:does not have|no longer has) a Release file/)
  if (absent !== null) {
    const [, uri = '', suite = ''] = absent
    return new RefusedError('packages/no-such-suite', `${doing}: ${withoutCredentials(uri)} has no ${suite}`, {
      next: ['ask who runs that archive', 'switch its entry off in /etc/apt (a # in front, or Enabled: no), and try again'],
      data: { ...data, uri: withoutCredentials(uri), suite },
    })
  }

  const preferred = captured(lines, /^The value '(\S+)' is invalid for APT::Default-Release/)
  if (preferred !== null) {
    return new RefusedError('packages/default-release', `apt is told to prefer ${preferred[1] ?? ''} (APT::Default-Release), which none of its sources has`, {
      next: ['grep -r Default-Release /etc/apt', 'take that line away, and try again'],
      data,
    })
  }

  if (captured(lines, /^dpkg was interrupted/) !== null) {
    return new RefusedError('packages/interrupted', 'dpkg was interrupted', { next: ['dpkg --configure -a'], data })
  }

  const held = captured(lines, /^Held packages were changed/)
  if (held !== null)
    return new RefusedError('packages/held', 'that would change packages that are on hold', { next: ['apt-mark showhold', 'apt-mark unhold PACKAGE'], data })

  return new RefusedError('packages/no-solution', `${doing}: ${text}`, { next: ['apt-get --simulate dist-upgrade   # shows what stands in the way'], data })
}

const withoutCredentials = (uri: string): string => uri.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/i, '$1')
