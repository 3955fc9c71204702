import { CommandHelp, Help } from '@oclif/core'
import { EXIT_MEANING } from './exit-codes.ts'

/** The help of a command ends with what its exit codes mean. */
class BelayCommandHelp extends CommandHelp {
  override generate(): string {
    const { exitCodes } = this.command
    const known = Object.entries(EXIT_MEANING).filter(([code]) => Array.isArray(exitCodes) && exitCodes.includes(Number(code)))
    if (known.length === 0) return super.generate()
    return `${super.generate()}\n\n${this.section('EXIT CODES', known)}`
  }
}

/** Loaded by oclif, by the name in the package's oclif section. */
export default class BelayHelp extends Help {
  override CommandHelpClass = BelayCommandHelp
}
