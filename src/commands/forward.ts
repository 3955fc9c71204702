import { Args, Flags } from '@oclif/core'
import { parseVersion } from '../generation-numbers.ts'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { BeName } from '../snap/names.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Forward extends MutatingCommand {
  static override summary = 'Go back to the version that a rollback left.'
  static override description = 'Without a number: the one that was left last, with everything that was in it, and with the data that it had.'
  static override examples = ['<%= config.bin %> forward', '<%= config.bin %> forward 7 --reboot']
  static override args = {
    id: Args.custom<number | BeName>({ name: 'ID', description: 'number of a generation, or a boot environment', parse: parseVersion })(),
  }
  static override flags = {
    'with-data': Flags.boolean({ default: false, summary: 'Get the data that the generation holds; the present data is kept.' }),
    force: Flags.boolean({ default: false, summary: 'Go there even if that version cannot read the data as it is now.' }),
    reboot: Flags.boolean({ default: false, summary: 'Reboot at once.' }),
  }

  async run(): Promise<OperationReport> {
    const { args, flags } = await this.parse(Forward)
    const [{ switchVersion }, { rebootNow }] = await Promise.all([import('../operations/switch-version.ts'), import('../operations/reboot-now.ts')])
    return operate({ ...flags, json: this.jsonEnabled() }, true, async (appliance, conversation) => {
      const result = await switchVersion(
        appliance,
        { direction: 'forward', id: args.id ?? null, keepConfig: false, withData: flags['with-data'], once: false, force: flags.force },
        conversation,
      )
      if (flags.reboot && result.executed) await rebootNow(appliance)
      return result
    })
  }
}
