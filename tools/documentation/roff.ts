/** A manual page in man(7). */
export interface ManualPage {
  readonly name: string
  readonly section: 1 | 5
  readonly sections: readonly (readonly [heading: string, body: string])[]
}

/** What every page of one build has in its head and foot. */
export interface PageFrame {
  readonly version: string
  /** YYYY-MM-DD */
  readonly date: string
}

/** Plain text for roff: no line is taken for a request, and hyphens of options can be copied from a terminal. */
export const plain = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('’', "'")
    .replaceAll('…', '...')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')

export const bold = (text: string): string => `\\fB${plain(text)}\\fR`
export const italic = (text: string): string => `\\fI${plain(text)}\\fR`
export const paragraph = (body: string): string => `.PP\n${body}\n`
/** A term and what is said of it. */
export const entry = (term: string, body: string): string => `.TP\n${term}\n${body}\n`
/** Lines that are shown as they are. */
export const literal = (text: string): string => `.PP\n.EX\n${plain(text)}\n.EE\n`
/** References to pages, `belay(1)` and so on, sorted as man-pages(7) wants it. */
export const references = (pages: readonly { readonly name: string; readonly section: number }[]): string =>
  `${pages
    .toSorted((a, b) => a.section - b.section || (a.name < b.name ? -1 : 1))
    .map(({ name, section }) => `${bold(name)}(${String(section)})`)
    .join(',\n')}\n`

export const renderPage = ({ name, section, sections }: ManualPage, { version, date }: PageFrame): string =>
  [
    `.TH ${plain(name).toUpperCase()} ${String(section)} ${date} "belay ${plain(version)}" belay\n`,
    ...sections.map(([heading, body]) => `.SH ${heading}\n${body.replace(/^\.PP\n/, '')}`),
  ].join('')
