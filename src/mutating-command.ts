import { Flags } from '@oclif/core'
import { BaseCommand } from './base-command.ts'
import type { ExitCode } from './exit-codes.ts'

/** A command that changes the appliance: it shows its plan first, asks, and can fail half way. */
export abstract class MutatingCommand extends BaseCommand {
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 11, 12, 13, 14, 20, 21]

  static override baseFlags = {
    ...BaseCommand.baseFlags,
    yes: Flags.boolean({ char: 'y', summary: 'Ask no questions. Without a terminal, a command that would ask is refused.', default: false }),
    plan: Flags.boolean({ summary: 'Show what would be done, with reasons, and change nothing.', default: false }),
  }
}
