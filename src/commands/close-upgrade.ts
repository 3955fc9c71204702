import type { ExitCode } from '../exit-codes.ts'
import { BaseCommand } from '../base-command.ts'
import type { CloseReport } from '../operations/close-upgrade.ts'
import { loadTellLogins, withAppliance } from '../run-command.ts'

export default class CloseUpgrade extends BaseCommand {
  static override hidden = true
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 11, 12, 13, 21]
  static override summary = 'Verify what an upgrade or a run of apt left, and put it on trial.'
  static override description =
    'Called by belay-upgrade.service when whoever changed packages has ended, and once after each boot. What does not verify is flagged, and the next boot starts the untouched version.'

  async run(): Promise<CloseReport> {
    const { flags } = await this.parse(CloseUpgrade)
    const json = this.jsonEnabled()
    const [{ closeUpgrade }, { converse }, { closeText }, tellLogins] = await Promise.all([
      import('../operations/close-upgrade.ts'),
      import('../converse.ts'),
      import('../view/apt-run-text.ts'),
      loadTellLogins(),
    ])
    return withAppliance({ ...flags, json }, async (appliance) => {
      const { conversation, end } = await converse({ json: true, plan: false, yes: true, asks: false })
      try {
        const report = await closeUpgrade(appliance, conversation)
        if (!json) process.stdout.write(closeText(report))
        return report
      } finally {
        await end()
        await tellLogins(appliance)
      }
    })
  }
}
