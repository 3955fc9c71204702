import { RefusedError } from '../../errors.ts'
import { parseDeb822Sources } from './deb822-sources.ts'
import { parseOneLineSources } from './one-line-sources.ts'
import { type SourceFileChange, changeOf } from './source-change.ts'
import type { SourceEntry, SourceFile, Word } from './source-entry.ts'

/** Sources that follow a release by another name than its own. */
const ALIASES = /^(?:oldoldstable|oldstable|stable|testing|unstable|sid|experimental)(?=$|[-/])/

interface MovedSources {
  readonly changes: readonly SourceFileChange[]
  /** What changes and what stays, a line for each entry. */
  readonly notices: readonly string[]
  /** Whether anything of the new release is among the sources then. */
  readonly reachesNew: boolean
}

const parseSources = (file: SourceFile): SourceEntry[] => (file.path.endsWith('.sources') ? parseDeb822Sources(file) : parseOneLineSources(file))

const withoutCredentials = (uri: string): string => uri.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/i, '$1')

/** A codename as a word of its own in a suite: `bookworm`, `bookworm-security`, `bookworm/updates`, `cloud-sdk-bookworm`. */
const named = (codename: string): RegExp => new RegExp(`(?<![A-Za-z0-9])${codename}(?![A-Za-z0-9])`, 'g')

/**
 * Sources of another release: every suite in use that names the old codename names the new one instead, whoever runs the archive. Debian's release notes
 * ("Unofficial sources") ask for that where the other archive offers the new release, which fetching its lists shows before anything is changed. What names no
 * release, such as a vendor's flat archive, stays; so do entries that are switched off, and every other byte.
 * @throws InvalidFileError for a file that apt would not read; RefusedError for a CD, whose lists apt cannot fetch
 */
export const moveSources = (files: readonly SourceFile[], from: string, to: string): MovedSources => {
  const old = named(from)
  const isMoved = ({ text }: Word): boolean => text.search(old) !== -1
  const isNew = (suite: string): boolean => suite.search(named(to)) !== -1
  let reachesNew = false
  const moved = ({ text }: Word): string => text.replace(old, to)
  const changes: SourceFileChange[] = []
  const changed: string[] = []
  const stays: string[] = []
  for (const file of files) {
    const entries = parseSources(file)
    for (const entry of entries) {
      const where = `${entry.path}:${String(entry.line)}`
      const address = entry.uris.map(withoutCredentials).join(' ')
      const words = entry.suites.filter(isMoved)
      if (words.length > 0 && entry.uris.some((uri) => uri.startsWith('cdrom:'))) {
        throw new RefusedError('release/cdrom', `${where} is a CD of ${from}`, {
          next: [`put a # in front of that line of ${entry.path}   (the release notes of Debian ask for it)`],
          data: { path: entry.path, line: entry.line },
        })
      }
      if (words.length > 0) changed.push(`${where}: ${words.map((word) => `${word.text} → ${moved(word)}`).join(', ')} of ${address}`)
      const rest = entry.suites.filter((word) => !isMoved(word)).map(({ text }) => text)
      reachesNew ||= words.length > 0 || rest.some(isNew)
      if (rest.length > 0) stays.push(`${where} stays: ${rest.join(', ')} of ${address}${noteOn(rest, address.search(old) === -1 ? null : from)}`)
    }
    const words = entries.flatMap((entry) => entry.suites.filter(isMoved).map((word) => ({ at: word.at, from: word.text, to: moved(word) })))
    if (words.length > 0)
      changes.push(
        changeOf(
          file,
          words.toSorted((a, b) => a.at - b.at),
        ),
      )
  }
  return { changes, notices: [...changed, ...stays], reachesNew }
}

const noteOn = (suites: readonly string[], inAddress: string | null): string => {
  if (inAddress !== null) return `, whose address names ${inAddress}`
  const alias = suites.find((suite) => ALIASES.test(suite))
  return alias === undefined ? '' : `, and ${alias} is whatever its archive calls so`
}
