import { InvalidFileError } from '../../errors.ts'

/**
 * A file of apt's sources. Its text holds the file's bytes one by one (latin1): what belay does not change, comments in any encoding included, comes out as it went in.
 */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** A word and the offset of its first byte in the file. */
export interface Word {
  readonly text: string
  readonly at: number
}

/** One entry in use: what apt fetches from where. */
export interface SourceEntry {
  readonly path: string
  /** Counted from 1; of the entry's suites. */
  readonly line: number
  readonly uris: readonly string[]
  readonly suites: readonly Word[]
}

/** Words between white space, with where they begin in the file. */
export const wordsIn = (text: string, offset: number): Word[] => [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], at: offset + match.index }))

/** Each line with the offset of its first byte, counted from 1. */
export const linesOf = (text: string): { readonly line: number; readonly at: number; readonly content: string }[] => {
  let at = 0
  return text.split('\n').map((content, index) => {
    const line = { line: index + 1, at, content }
    at += content.length + 1
    return line
  })
}

export const notUnderstood = (path: string, line: number, why: string): InvalidFileError =>
  new InvalidFileError(`${path}:${String(line)}: ${why}`, {
    next: [`mend ${path} (man sources.list)`, 'apt-get update   # says whether apt reads it'],
    data: { path, line },
  })
