import { Args, Flags } from '@oclif/core'
import { parseGenerationNumber } from '../generation-numbers.ts'
import { parseOwner } from '../hold-flags.ts'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Keep extends MutatingCommand {
  static override summary = 'Keep a generation from every retention rule.'
  static override description =
    'It is kept for whoever asks, for good, unless --for and --until say otherwise. On ZFS its snapshots get a user hold, so that no other program destroys them either; the tag says for whom and until when. ' +
    'After the last day retention decides again.'
  static override examples = ['<%= config.bin %> keep 4', '<%= config.bin %> keep 4 --for support --until 30d', '<%= config.bin %> keep 4 --off']
  static override args = { id: Args.integer({ name: 'ID', description: 'number of a generation', required: true, parse: parseGenerationNumber }) }
  static override flags = {
    for: Flags.string({ summary: 'Who wants it to stay; the user who asks by default.', helpValue: 'WHO', parse: parseOwner }),
    until: Flags.string({ summary: 'Last day on which it has to stay: a date (2027-01-31) or days from now (30d).', helpValue: 'DATE' }),
    off: Flags.boolean({ default: false, summary: 'Take the mark off again.', exclusive: ['for', 'until'] }),
  }

  async run(): Promise<OperationReport> {
    const { args, flags } = await this.parse(Keep)
    const { keepGeneration } = await import('../operations/keep-generation.ts')
    const options = { id: args.id, keep: !flags.off, owner: flags.for ?? null, until: flags.until ?? null }
    return operate({ ...flags, json: this.jsonEnabled() }, false, (appliance, conversation) => keepGeneration(appliance, options, conversation))
  }
}
