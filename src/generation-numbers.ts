import { UsageError } from './errors.ts'

/** Several generation numbers of a command line. @throws UsageError naming the word that is none. */
export const generationNumbers = (words: readonly unknown[]): number[] =>
  words.map((word) => {
    const text = String(word)
    if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`${text} is not the number of a generation`, { next: ['belay list'] })
    return Number(text)
  })
