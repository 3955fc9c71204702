import { major, gt, valid } from 'semver'
import { InvalidFileError } from '../errors.ts'

/**
 * Parse the file in which an application's package ships its data format: one semantic version, nothing else.
 * @throws InvalidFileError naming the file.
 */
export const parseDataFormat = (text: string, file: string): string => {
  const format = valid(text.trim())
  if (format === null)
    throw new InvalidFileError(`${file} does not hold a semantic version`, { next: ['ask the vendor of the package'], data: { file, text: text.slice(0, 80) } })
  return format
}

/**
 * Whether an application of one data format can read data that was written in another: the same or an older major format. An application
 * without a format reads only data that no format was ever given to.
 */
export const canRead = (reader: string | null, data: string | null): boolean => data === null || (reader !== null && major(data) <= major(reader))

/** The higher of two formats. */
export const highestFormat = (a: string | null, b: string | null): string | null => {
  if (a === null) return b
  if (b === null) return a
  return gt(a, b) ? a : b
}
