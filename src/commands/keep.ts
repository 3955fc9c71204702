import { Args, Flags } from '@oclif/core'
import { parseGenerationNumber } from '../generation-numbers.ts'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Keep extends MutatingCommand {
  static override summary = 'Keep a generation from every retention rule.'
  static override examples = ['<%= config.bin %> keep 4', '<%= config.bin %> keep 4 --off']
  static override args = { id: Args.integer({ name: 'ID', description: 'number of a generation', required: true, parse: parseGenerationNumber }) }
  static override flags = { off: Flags.boolean({ default: false, summary: 'Take the mark off again.' }) }

  async run(): Promise<OperationReport> {
    const { args, flags } = await this.parse(Keep)
    const { keepGeneration } = await import('../operations/keep-generation.ts')
    return operate({ ...flags, json: this.jsonEnabled() }, false, (appliance, conversation) =>
      keepGeneration(appliance, { id: args.id, keep: !flags.off }, conversation),
    )
  }
}
