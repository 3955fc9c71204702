import { type SourceEntry, type SourceFile, type Word, linesOf, notUnderstood, wordsIn } from './source-entry.ts'

interface Field {
  readonly line: number
  readonly words: Word[]
}

type Paragraph = Map<string, Field>

/** What apt takes for no (apt 2.6 and 3.0, StringToBool in apt-pkg/contrib/strutl.cc). */
const NO = new Set(['no', 'false', 'without', 'off', 'disable', '0'])

const entryOf = (path: string, first: number, paragraph: Paragraph): SourceEntry[] => {
  if (NO.has(paragraph.get('enabled')?.words[0]?.text.toLowerCase() ?? '')) return []
  const wanted = (name: string, shown: string): Field => {
    const field = paragraph.get(name)
    if (field === undefined || field.words.length === 0) throw notUnderstood(path, first, `this source has no ${shown}`)
    return field
  }
  wanted('types', 'Types')
  const suites = wanted('suites', 'Suites')
  return [{ path, line: suites.line, uris: wanted('uris', 'URIs').words.map(({ text }) => text), suites: suites.words }]
}

/**
 * The entries in use of a file in the deb822 format (sources.list(5)): field names in any case, values over several lines, comment lines anywhere.
 * @throws InvalidFileError naming the line
 */
export const parseDeb822Sources = ({ path, text }: SourceFile): SourceEntry[] => {
  const entries: SourceEntry[] = []
  let paragraph: Paragraph = new Map()
  let first = 1
  let field: Field | null = null
  const end = (): void => {
    if (paragraph.size > 0) entries.push(...entryOf(path, first, paragraph))
    paragraph = new Map()
    field = null
  }
  for (const { line, at, content } of linesOf(text)) {
    if (content.startsWith('#')) continue
    if (content.trim() === '') {
      end()
      continue
    }
    if (/^[ \t]/.test(content)) {
      const open: Field | null = field
      if (open === null) throw notUnderstood(path, line, 'this line goes on with nothing')
      open.words.push(...wordsIn(content, at))
      continue
    }
    const [, name, value = ''] = /^([^\s:]+):(.*)$/.exec(content) ?? []
    if (name === undefined) throw notUnderstood(path, line, 'this is no field')
    if (paragraph.size === 0) first = line
    field = { line, words: wordsIn(value, at + name.length + 1) }
    paragraph.set(name.toLowerCase(), field)
  }
  end()
  return entries
}
