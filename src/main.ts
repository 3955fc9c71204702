import { Config, flush, run, settings, type Interfaces } from '@oclif/core'
import { UsageError } from './errors.ts'
import { watchOutput } from './output-errors.ts'
import { EXIT } from './exit-codes.ts'
import { printError } from './print-error.ts'
import { oclifExit } from './view/error-report.ts'

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
  const outputFailed = watchOutput()
  try {
    await run(argv, program)
    // A stream that failed is never drained.
    await Promise.race([flush(), outputFailed])
  } catch (error) {
    const unknown = oclifExit(error) === EXIT.usage ? await unknownCommand(argv, program) : null
    printError(unknown ?? error, { json: argv.includes('--json'), command: 'belay' })
  }
}

/** oclif takes all words up to the first flag for the name of a command: say which of them is one, and which is too many. Null when the words are a command. */
async function unknownCommand(argv: string[], program: Program): Promise<UsageError | null> {
  const config = await Config.load(program)
  const end = argv.findIndex((word) => word.startsWith('-'))
  const words = (end === -1 ? argv : argv.slice(0, end)).filter((word) => word !== 'help')
  const known = words.findLastIndex((_, last) => config.findCommand(words.slice(0, last + 1).join(':')) !== undefined)
  const extra = words[known + 1]
  if (extra === undefined) return null
  const command = ['belay', ...words.slice(0, known + 1)].join(' ')
  return known === -1
    ? new UsageError(`there is no command ${words.join(' ')}`, { next: ['belay --help'] })
    : new UsageError(`${command} takes no argument, and not ${extra}`, { next: [`${command} --help`] })
}
