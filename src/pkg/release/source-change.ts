import { createHash } from 'node:crypto'
import { ChangedError } from '../../errors.ts'
import type { SourceFile } from './source-entry.ts'

/** A word that another takes the place of. */
export interface WordChange {
  /** Bytes from the beginning of the file as it is before the change. */
  readonly at: number
  readonly from: string
  readonly to: string
}

/** A change to one file of apt's sources, by what it is before and after: SHA-256 in hex. It holds no address, which may hold a password. */
export interface SourceFileChange {
  readonly path: string
  readonly before: string
  readonly after: string
  readonly words: readonly WordChange[]
}

const digestOf = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex')

/** `words` in the order of the file. */
const replaceWords = (text: string, words: readonly WordChange[]): string => {
  let result = ''
  let at = 0
  for (const word of words) {
    result += text.slice(at, word.at) + word.to
    at = word.at + word.from.length
  }
  return result + text.slice(at)
}

export const changeOf = ({ path, text }: SourceFile, words: readonly WordChange[]): SourceFileChange => ({
  path,
  before: digestOf(text),
  after: digestOf(replaceWords(text, words)),
  words,
})

/** The change that takes a change back. */
export const inverseOfChange = ({ path, before, after, words }: SourceFileChange): SourceFileChange => {
  let shift = 0
  const inverse = words.map(({ at, from, to }) => {
    const word = { at: at + shift, from: to, to: from }
    shift += to.length - from.length
    return word
  })
  return { path, before: after, after: before, words: inverse }
}

/**
 * The text of a file after a change; the text itself where the change was made already.
 * @throws ChangedError when the file is neither as before nor as after
 */
export const changedText = ({ path, text }: SourceFile, change: SourceFileChange): string => {
  const digest = digestOf(text)
  if (digest === change.after) return text
  if (digest !== change.before)
    throw new ChangedError(`${path} is not what it was when the plan was made`, { next: ['belay upgrade   # plans again'], data: { path, dpkgBegan: false } })
  return replaceWords(text, change.words)
}
