import { BaseCommand } from '../base-command.ts'
import { withAppliance } from '../run-command.ts'
import { terminalWidth } from '../terminal-width.ts'
import type { GenerationList } from '../operations/list-generations.ts'

export default class List extends BaseCommand {
  static override summary = 'Every generation.'
  static override examples = ['<%= config.bin %> list', '<%= config.bin %> list --root /mnt/appliance']

  async run(): Promise<GenerationList> {
    const { flags } = await this.parse(List)
    const [{ listGenerations }, { listText }] = await Promise.all([import('../operations/list-generations.ts'), import('../view/list-text.ts')])
    return withAppliance({ ...flags, json: this.jsonEnabled() }, async (appliance) => {
      const list = await listGenerations(appliance)
      if (!this.jsonEnabled()) process.stdout.write(listText(list, terminalWidth()))
      return list
    })
  }
}
