/** One paragraph of a Debian control file: field name to value, continuation lines joined with \n. */
export type Stanza = ReadonlyMap<string, string>

/**
 * The paragraphs of a control file (deb822(5)): dpkg's status, apt-cache's output, debconf's templates and databases.
 * Fields that are not wanted are skipped, which keeps reading dpkg's status of a whole system within milliseconds.
 */
export function* readStanzas(text: string, wanted: ReadonlySet<string>): Generator<Stanza> {
  let stanza = new Map<string, string>()
  let field: string | null = null
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const first = text[start]
    if (end === start) {
      if (stanza.size > 0) yield stanza
      stanza = new Map()
      field = null
    } else if (first === ' ' || first === '\t') {
      if (field !== null) stanza.set(field, `${stanza.get(field) ?? ''}\n${text.slice(start + 1, end)}`)
    } else {
      const colon = text.indexOf(':', start)
      const name = colon === -1 || colon > end ? '' : text.slice(start, colon)
      field = wanted.has(name) ? name : null
      if (field !== null) stanza.set(field, text.slice(colon + 1, end).trim())
    }
    start = end + 1
  }
  if (stanza.size > 0) yield stanza
}
