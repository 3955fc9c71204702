import { Args } from '@oclif/core'
import { generationNumbers, parseGenerationNumber } from '../generation-numbers.ts'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Delete extends MutatingCommand {
  static override summary = 'Delete generations for good.'
  static override description = 'The factory generation, kept ones, the last confirmed one and what GRUB may start are refused.'
  static override examples = ['<%= config.bin %> delete 3', '<%= config.bin %> delete 3 5 6 --yes']
  static override strict = false
  static override args = { id: Args.integer({ name: 'ID', description: 'numbers of generations', required: true, parse: parseGenerationNumber }) }

  async run(): Promise<OperationReport> {
    const { argv, flags } = await this.parse(Delete)
    const { deleteGenerations } = await import('../operations/remove-generations.ts')
    const ids = generationNumbers(argv)
    return operate({ ...flags, json: this.jsonEnabled() }, true, (appliance, conversation) => deleteGenerations(appliance, ids, conversation))
  }
}
