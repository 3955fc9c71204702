import { Flags } from '@oclif/core'
import { BaseCommand } from '../base-command.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { loadTellLogins, withAppliance } from '../run-command.ts'
import type { DoctorReport } from '../operations/doctor-report.ts'

export default class Doctor extends BaseCommand {
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 11, 12, 13, 21]
  static override summary = 'What is wrong, and the exact remedy.'
  static override description =
    'Ends with 0 when nothing is wrong or only a reboot is pending, with 10 when there is a problem. --fix brings interrupted operations to an end and mends what has one right answer.'
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --fix']
  static override flags = { fix: Flags.boolean({ default: false, summary: 'Mend what has one right answer.' }) }

  async run(): Promise<DoctorReport> {
    const { flags } = await this.parse(Doctor)
    const [{ examine }, { findingsText }, { converse }, tellLogins] = await Promise.all([
      import('../operations/doctor-report.ts'),
      import('../view/findings-text.ts'),
      import('../converse.ts'),
      loadTellLogins(),
    ])
    const json = this.jsonEnabled()
    const reportText = ({ recovered, fixed, findings }: DoctorReport): string =>
      [
        ...recovered.map((run) => `Brought to an end: ${run.operation} (${run.outcome})\n`),
        ...fixed.map((text) => `Fixed: ${text}\n`),
        findingsText(findings),
      ].join('')
    const examineOnce = (): Promise<{ readonly report: DoctorReport; readonly policyMended: boolean }> =>
      withAppliance({ ...flags, json }, async (appliance) => {
        const { conversation, end } = await converse({ plan: !flags.fix, yes: true, json, asks: false })
        try {
          const report = await examine(appliance, flags.fix, conversation)
          if (flags.fix) await tellLogins(appliance)
          return { report, policyMended: appliance.policyProblem !== null && report.fixed.length > 0 }
        } finally {
          await end()
        }
      })
    const { report: first, policyMended } = await examineOnce()
    // What is made by policy can be looked at now that there is one.
    const again = policyMended ? (await examineOnce()).report : null
    const report = again === null ? first : { ...again, fixed: [...first.fixed, ...again.fixed], recovered: [...first.recovered, ...again.recovered] }
    if (!json) process.stdout.write(reportText(report))
    if (report.findings.some((finding) => finding.severity === 'problem')) process.exitCode = EXIT.refused
    return report
  }
}
