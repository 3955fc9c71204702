import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Confirm extends MutatingCommand {
  static override summary = 'The running version is healthy and stays.'
  static override description = 'Ends a trial: from now on GRUB starts what runs now. After an upgrade the result is taken as a generation.'
  static override examples = ['<%= config.bin %> confirm']

  async run(): Promise<OperationReport> {
    const { flags } = await this.parse(Confirm)
    const { confirmVersion } = await import('../operations/confirm-version.ts')
    return operate({ ...flags, json: this.jsonEnabled() }, false, confirmVersion)
  }
}
