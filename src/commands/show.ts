import { Args } from '@oclif/core'
import { parseGenerationNumber } from '../generation-numbers.ts'
import { BaseCommand } from '../base-command.ts'
import { withAppliance } from '../run-command.ts'
import { terminalWidth } from '../terminal-width.ts'
import type { GenerationDetails } from '../operations/show-generation.ts'

export default class Show extends BaseCommand {
  static override summary = 'One generation in full.'
  static override examples = ['<%= config.bin %> show 4', '<%= config.bin %> show 4 --json']
  static override args = { id: Args.integer({ name: 'ID', description: 'number of a generation', required: true, parse: parseGenerationNumber }) }

  async run(): Promise<GenerationDetails> {
    const { args, flags } = await this.parse(Show)
    const [{ showGeneration }, { showText }] = await Promise.all([import('../operations/show-generation.ts'), import('../view/show-text.ts')])
    return withAppliance({ ...flags, json: this.jsonEnabled() }, async (appliance) => {
      const details = await showGeneration(appliance, args.id)
      if (!this.jsonEnabled()) process.stdout.write(showText(details, terminalWidth()))
      return details
    })
  }
}
