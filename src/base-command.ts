import { resolve } from 'node:path'
import { Command, Flags } from '@oclif/core'
import type { ExitCode } from './exit-codes.ts'
import { printError } from './print-error.ts'

/** What all commands share: `--root`, `--json`, and one form of errors with the same exit status in text and in JSON. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

  /** Which exit codes the help of this command explains. */
  static exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 13]

  static override baseFlags = {
    root: Flags.string({
      summary: 'Work on the system below this directory instead of the running one.',
      helpValue: 'DIR',
      default: '/',
      parse: (directory) => Promise.resolve(resolve(directory)),
    }),
  }

  /** Prints the error here, in text or JSON, and ends by `process.exitCode`: oclif would print it once more and in its own form. */
  protected override catch(error: Error): Promise<void> {
    const command = [this.config.bin, ...(this.id?.split(':') ?? [])].join(' ')
    printError(error, { json: this.jsonEnabled(), command })
    return Promise.resolve()
  }

  /** JSON is never coloured. */
  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
  }
}
