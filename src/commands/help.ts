import { Args, Command, loadHelpClass } from '@oclif/core'

export default class Help extends Command {
  static override summary = 'What belay can do, or how one command is used.'
  static override examples = ['<%= config.bin %> help', '<%= config.bin %> help rollback']
  static override strict = false
  static override args = { command: Args.string({ name: 'COMMAND', description: 'a command' }) }

  async run(): Promise<void> {
    const { argv } = await this.parse(Help)
    const HelpClass = await loadHelpClass(this.config)
    await new HelpClass(this.config).showHelp(argv.map(String))
  }
}
