import { flush, run, settings, type Interfaces } from '@oclif/core'
import { printError } from './print-error.ts'

interface Program {
  /** The directory that holds the oclif section's commands and help. */
  readonly root: string
  /** Stands for package.json in that directory. */
  readonly pjson?: Interfaces.PJSON
}

/** Runs one command line. Errors outside a command (an unknown one) have the same form as those inside. */
export async function main(argv: string[], program: Program): Promise<void> {
  // Node runs TypeScript by itself; oclif would look for ts-node.
  settings.enableAutoTranspile = false
  try {
    await run(argv, program)
    await flush()
  } catch (error) {
    printError(error, { json: argv.includes('--json'), command: 'belay' })
  }
}
