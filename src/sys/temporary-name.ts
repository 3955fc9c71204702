/** Hidden, and like nothing that people or other programs write. */
const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/

/** What a file is called until it takes the place of another. @param random twelve hexadecimal digits */
export const temporaryName = (name: string, random: string): string => `.${name}.${random}.tmp`

/** Whether a name is one of these: without a process that writes it, a power cut left it. */
export const isTemporaryName = (name: string): boolean => TEMPORARY.test(name)
