import { Flags } from '@oclif/core'
import { BaseCommand } from '../base-command.ts'
import { withAppliance } from '../run-command.ts'
import { terminalWidth } from '../terminal-width.ts'
import type { AuditEntry } from '../snap/audit-log.ts'

export default class Audit extends BaseCommand {
  static override summary = 'Who changed what, and how it ended.'
  static override description = 'The record lies outside every version, so no rollback takes it back.'
  static override examples = ['<%= config.bin %> audit', '<%= config.bin %> audit --last 5 --json']
  static override flags = { last: Flags.integer({ summary: 'Only this many of the newest.', helpValue: 'N', min: 1 }) }

  async run(): Promise<{ entries: AuditEntry[] }> {
    const { flags } = await this.parse(Audit)
    const { auditText } = await import('../view/audit-text.ts')
    return withAppliance({ ...flags, json: this.jsonEnabled() }, async (appliance) => {
      const all = await appliance.audit.read()
      const entries = flags.last === undefined ? all : all.slice(-flags.last)
      if (!this.jsonEnabled()) process.stdout.write(auditText(entries, terminalWidth()))
      return { entries }
    })
  }
}
