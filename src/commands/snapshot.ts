import { Flags } from '@oclif/core'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Snapshot extends MutatingCommand {
  static override summary = 'Take a restore point of the running version.'
  static override description =
    'Root and configuration are taken together as a new generation, with a boot environment that starts it. Data stays out unless it is asked for.'
  static override examples = [
    '<%= config.bin %> snapshot -m "before changing the network"',
    '<%= config.bin %> snapshot --keep --with-data -m "as delivered"',
    '<%= config.bin %> snapshot --with-data --quiesce',
  ]
  static override flags = {
    message: Flags.string({ char: 'm', summary: 'Why it is taken, for list and the boot menu.', helpValue: 'TEXT', default: 'taken by hand' }),
    'with-data': Flags.boolean({ default: false, summary: 'Take the data volumes too.' }),
    quiesce: Flags.boolean({ default: false, summary: 'Stop the units that policy names in quiesce while it is taken, and start again those that ran.' }),
    keep: Flags.boolean({ default: false, summary: 'No retention rule takes it away.' }),
  }

  async run(): Promise<OperationReport> {
    const { flags } = await this.parse(Snapshot)
    const { takeSnapshot } = await import('../operations/take-snapshot.ts')
    return operate({ ...flags, json: this.jsonEnabled() }, false, (appliance, conversation) =>
      takeSnapshot(appliance, { text: flags.message, withData: flags['with-data'], quiesce: flags.quiesce, keep: flags.keep }, conversation),
    )
  }
}
