import { Flags } from '@oclif/core'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Prune extends MutatingCommand {
  static override summary = 'Delete what the retention rule lets go.'
  static override description =
    'The rule is retention in /etc/belay/config.yaml. The factory generation, kept ones, the last confirmed one, the running one, those that were left and what GRUB may start always stay. Runs by itself after each confirmation, unless retention.automatic is false.'
  static override examples = ['<%= config.bin %> prune --plan', '<%= config.bin %> prune --newest 5 --yes']
  static override flags = {
    newest: Flags.integer({ summary: 'Leave this many of the newest instead of what the rule says.', helpValue: 'N', min: 1 }),
    days: Flags.integer({ summary: 'Leave generations younger than this many days.', helpValue: 'N', min: 0 }),
    'torn-days': Flags.integer({ summary: 'Leave torn boot environments for this many days; 0 removes them now.', helpValue: 'N', min: 0 }),
  }

  async run(): Promise<OperationReport> {
    const { flags } = await this.parse(Prune)
    const { pruneGenerations } = await import('../operations/remove-generations.ts')
    const rule = {
      ...(flags.newest === undefined ? {} : { newest: flags.newest }),
      ...(flags.days === undefined ? {} : { days: flags.days }),
      ...(flags['torn-days'] === undefined ? {} : { tornDays: flags['torn-days'] }),
    }
    return operate({ ...flags, json: this.jsonEnabled() }, true, (appliance, conversation) => pruneGenerations(appliance, rule, conversation))
  }
}
