import { type SourceEntry, type SourceFile, linesOf, notUnderstood, wordsIn } from './source-entry.ts'

/** `deb [options] URI suite [component…]`; an address may hold blanks in brackets, as `cdrom:[Debian GNU/Linux 12 …]/` does. */
const ENTRY = /^(\s*(?:deb|deb-src)\s+(?:\[[^\]]*\]\s*)?)((?:\[[^\]]*\]|[^\s[\]])+)(\s+)(\S+)/

/** A `#` begins a comment wherever it stands, but for brackets (apt 2.6 and 3.0, apt-pkg/sourcelist.cc). */
const withoutComment = (line: string): string => /^(?:\[[^\]]*\]|[^#])*/.exec(line)?.[0] ?? ''

/** The entries of a file in the one-line format (sources.list(5)). @throws InvalidFileError naming the line. */
export const parseOneLineSources = ({ path, text }: SourceFile): SourceEntry[] =>
  linesOf(text).flatMap(({ line, at, content }) => {
    const used = withoutComment(content)
    if (used.trim() === '') return []
    const [, before = '', uri, blank = '', suite] = ENTRY.exec(used) ?? []
    if (uri === undefined || suite === undefined) throw notUnderstood(path, line, 'this is no source of apt')
    return [{ path, line, uris: [uri], suites: wordsIn(suite, at + before.length + uri.length + blank.length) }]
  })
