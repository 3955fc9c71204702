import { UsageError } from './errors.ts'
import { BeName } from './snap/names.ts'

const parseNumber = (text: string): number => {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`${JSON.stringify(text)} is not the number of a generation`, { next: ['belay list'] })
  return Number(text)
}

/** Parser of a command's argument that is the number of a generation; oclif's own for integers throws errors that are not its own. @throws UsageError */
export const parseGenerationNumber = (text: string): Promise<number> => Promise.resolve(text).then(parseNumber)

/** The same where a boot environment may be named too. @throws UsageError */
export const parseVersion = (text: string): Promise<number | BeName> => Promise.resolve(text).then((word) => BeName.safeParse(word).data ?? parseNumber(word))

/** Several generation numbers of a command line. @throws UsageError naming the word that is none. */
export const generationNumbers = (words: readonly unknown[]): number[] => words.map((word) => parseNumber(String(word)))
