import { Flags } from '@oclif/core'
import { BaseCommand } from '../base-command.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { loadTellLogins, withAppliance } from '../run-command.ts'
import type { HealthReport } from '../operations/health/report-health.ts'

export default class Health extends BaseCommand {
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 11, 12, 13, 14, 20, 21]
  static override summary = 'Run the health checks now, and say which fail.'
  static override description =
    'Looks at units, filesystems and what policy names, and runs the programs in /etc/belay/health.d. Ends with 0 when the machine is healthy, with 10 when it is not. Changes nothing: in a trial the same checks, run by the gate after each boot, confirm the version or take it back.'
  static override examples = ['<%= config.bin %> health', '<%= config.bin %> health --json']
  static override flags = {
    gate: Flags.boolean({
      hidden: true,
      default: false,
      exclusive: ['passed', 'incomplete', 'ending'],
      summary: 'Judge this boot, as belay-health.service does.',
    }),
    passed: Flags.boolean({
      hidden: true,
      default: false,
      exclusive: ['incomplete', 'ending'],
      summary: 'The boot is complete: confirm a trial, as belay-confirm.service does.',
    }),
    incomplete: Flags.boolean({
      hidden: true,
      default: false,
      exclusive: ['ending'],
      summary: 'End a trial that was not found healthy, as belay-fall-back.service does.',
    }),
    ending: Flags.boolean({ hidden: true, default: false, summary: 'The machine goes down: give a trial its attempt again, as belay-shutdown.service does.' }),
  }

  async run(): Promise<HealthReport> {
    const { flags } = await this.parse(Health)
    const part = (['gate', 'passed', 'incomplete', 'ending'] as const).find((name) => flags[name]) ?? null
    const json = this.jsonEnabled()
    const [{ reportHealth }, { healthText }, { converse }, tellLogins] = await Promise.all([
      import('../operations/health/report-health.ts'),
      import('../view/health-text.ts'),
      import('../converse.ts'),
      loadTellLogins(),
    ])
    return withAppliance({ ...flags, json }, async (appliance) => {
      const { conversation, end } = await converse({ plan: false, yes: true, json, asks: false })
      try {
        const report = await reportHealth(appliance, part, conversation)
        await end()
        if (!json) process.stdout.write(healthText(report))
        if (!report.healthy) process.exitCode = EXIT.refused
        return report
      } finally {
        await end()
        if (part !== null && part !== 'ending') await tellLogins(appliance)
      }
    })
  }
}
