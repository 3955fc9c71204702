import { BaseCommand } from '../base-command.ts'
import { withAppliance } from '../run-command.ts'
import { terminalWidth } from '../terminal-width.ts'
import type { Status as StatusReport } from '../operations/read-status.ts'

export default class Status extends BaseCommand {
  static override summary = 'What runs, what boots next and why.'
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json']

  async run(): Promise<StatusReport> {
    const { flags } = await this.parse(Status)
    const [{ readStatus }, { statusText }] = await Promise.all([import('../operations/read-status.ts'), import('../view/status-text.ts')])
    return withAppliance({ ...flags, json: this.jsonEnabled() }, async (appliance) => {
      const status = await readStatus(appliance)
      if (!this.jsonEnabled()) process.stdout.write(statusText(status, terminalWidth()))
      return status
    })
  }
}
