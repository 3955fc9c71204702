import { text } from 'node:stream/consumers'
import type { ExitCode } from '../exit-codes.ts'
import { BaseCommand } from '../base-command.ts'
import type { GuardReport } from '../operations/guard-apt-run.ts'
import { loadTellLogins, withAppliance } from '../run-command.ts'

export default class BeforeApt extends BaseCommand {
  static override hidden = true
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 11, 12, 13, 14, 20, 21, 30]
  static override summary = 'Take the restore point of a run of apt.'
  static override description =
    'Called by apt before its first dpkg, through libexec/before-apt, with version 3 of apt’s hook protocol on standard input. Ends well when apt may go on: behind a restore point, or flagged, as policy says. Ends with 30 when apt is to stop; after any other failure the caller looks for the word of policy by itself.'

  async run(): Promise<GuardReport> {
    const { flags } = await this.parse(BeforeApt)
    const json = this.jsonEnabled()
    const [input, { guardAptRun }, { converse }, { guardText }, tellLogins] = await Promise.all([
      text(process.stdin),
      import('../operations/guard-apt-run.ts'),
      import('../converse.ts'),
      import('../view/apt-run-text.ts'),
      loadTellLogins(),
    ])
    return withAppliance({ ...flags, json }, async (appliance) => {
      const { conversation, end } = await converse({ json: true, plan: false, yes: true, asks: false })
      try {
        const report = await guardAptRun(appliance, input, conversation)
        if (!json) process.stderr.write(guardText(report))
        return report
      } finally {
        await end()
        await tellLogins(appliance)
      }
    })
  }
}
