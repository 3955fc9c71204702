import { BaseCommand } from '../base-command.ts'
import type { ExitCode } from '../exit-codes.ts'
import { loadTellLogins, withAppliance } from '../run-command.ts'
import type { RunningFacts } from '../operations/explain-running.ts'
import type { BootReport } from '../operations/record-boot.ts'

export default class Booted extends BaseCommand {
  static override hidden = true
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 12, 13]
  static override summary = 'Record which version came up, and why.'
  static override description = 'Called once after each boot by belay-boot.service. Brings interrupted runs to an end, and confirms nothing.'

  async run(): Promise<BootReport> {
    const { flags } = await this.parse(Booted)
    const json = this.jsonEnabled()
    const [{ recordBoot }, tellLogins, { reasonText, versionText }] = await Promise.all([
      import('../operations/record-boot.ts'),
      loadTellLogins(),
      import('../view/running-text.ts'),
    ])
    const sentence = (found: RunningFacts): string => `${found.running === null ? 'a root' : versionText(found.running)}: ${reasonText(found)}`
    return withAppliance({ ...flags, json }, async (appliance) => {
      try {
        const recorded = await recordBoot(appliance)
        if (!json) process.stdout.write(`${sentence(recorded.facts)}\n`)
        return recorded.report
      } finally {
        // What is wrong with its records is one more reason to tell those who log in.
        await tellLogins(appliance)
      }
    })
  }
}
