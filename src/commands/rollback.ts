import { Args, Flags } from '@oclif/core'
import { parseVersion } from '../generation-numbers.ts'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { BeName } from '../snap/names.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Rollback extends MutatingCommand {
  static override summary = 'Choose an earlier version for the next boot.'
  static override description =
    'Without a number: the version before the last upgrade. What runs now is taken as a generation first and stays as it is, so that forward leads back to it. Data stays as it is unless --with-data is given.'
  static override examples = [
    '<%= config.bin %> rollback',
    '<%= config.bin %> rollback 4 --keep-config',
    '<%= config.bin %> rollback --once',
    '<%= config.bin %> rollback 4 --plan',
  ]
  static override args = {
    id: Args.custom<number | BeName>({ name: 'ID', description: 'number of a generation, or a boot environment', parse: parseVersion })(),
  }
  static override flags = {
    'keep-config': Flags.boolean({ default: false, summary: 'Take the configuration of now along.' }),
    'with-data': Flags.boolean({ default: false, summary: 'Bring back the data of that generation too; the present data is kept for forward.' }),
    once: Flags.boolean({ default: false, summary: 'Only for one boot; the one after it starts what is confirmed now.' }),
    force: Flags.boolean({ default: false, summary: 'Go there even if that version cannot read the data as it is now.' }),
    reboot: Flags.boolean({ default: false, summary: 'Reboot at once.' }),
  }

  async run(): Promise<OperationReport> {
    const { args, flags } = await this.parse(Rollback)
    const [{ switchVersion }, { rebootNow }] = await Promise.all([import('../operations/switch-version.ts'), import('../operations/reboot-now.ts')])
    return operate({ ...flags, json: this.jsonEnabled() }, true, async (appliance, conversation) => {
      const result = await switchVersion(
        appliance,
        { direction: 'rollback', id: args.id ?? null, keepConfig: flags['keep-config'], withData: flags['with-data'], once: flags.once, force: flags.force },
        conversation,
      )
      if (flags.reboot && result.executed) await rebootNow(appliance)
      return result
    })
  }
}
