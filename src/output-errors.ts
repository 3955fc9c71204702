import { EXIT } from './exit-codes.ts'

let mayBeLost = false

/** From here on what is printed is an account of what is done: a terminal that goes away must neither end it half way nor make a failure of it. */
export const outputMayBeLost = (): void => {
  mayBeLost = true
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '')

/**
 * What happens when nobody takes the output: a reader that has seen enough (EPIPE) is fine; a full disk or a file that cannot be written is said in one line,
 * and the command has failed, because its answer is what it was for.
 * @returns settles when the output has failed
 */
export const watchOutput = (): Promise<void> => {
  // oclif 5 throws from a listener of its own, which ends the process with a stack.
  process.stdout.removeAllListeners('error')
  process.stderr.on('error', () => undefined)
  return new Promise((resolve) => {
    process.stdout.once('error', (error: Error) => {
      process.stdout.on('error', () => undefined)
      const code = codeOf(error)
      // After another error, its exit status and its text stay what is told.
      if (!mayBeLost && code !== 'EPIPE' && (process.exitCode ?? 0) === 0) {
        process.stderr.write(`Error: standard output cannot be written: ${error.message}\n`)
        process.exitCode = code === 'ENOSPC' || code === 'EDQUOT' ? EXIT.noSpace : EXIT.usage
      }
      resolve()
    })
  })
}
