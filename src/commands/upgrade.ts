import { Args, Flags } from '@oclif/core'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

export default class Upgrade extends MutatingCommand {
  static override summary = 'Upgrade packages behind a restore point.'
  static override description =
    'Takes a restore point, lets apt work, verifies the result and puts it on trial; the version of before is what GRUB falls back to. Without packages: everything that can be upgraded. A failure is undone, or undone by the next boot once dpkg has begun.'
  static override examples = [
    '<%= config.bin %> upgrade --plan',
    '<%= config.bin %> upgrade --yes --reboot',
    '<%= config.bin %> upgrade acme-gateway',
    '<%= config.bin %> upgrade --release trixie --plan',
  ]
  static override strict = false
  static override args = { package: Args.string({ name: 'PACKAGE', description: 'packages to upgrade, each with =VERSION if a certain one is wanted' }) }
  static override flags = {
    release: Flags.string({
      helpValue: 'CODENAME',
      summary: 'Upgrade to the next release of Debian.',
      description:
        'Changes the sources of apt from the release that runs to this one, after the restore point, and upgrades everything in one run of apt. --plan says which sources change and which packages go.',
    }),
    'with-data': Flags.boolean({ default: false, summary: 'Take the data volumes into the restore point too.' }),
    quiesce: Flags.boolean({
      default: false,
      summary: 'Stop the units that policy names in quiesce while the restore point is taken, and start again those that ran.',
    }),
    refresh: Flags.boolean({ summary: 'Fetch the lists of the archives first (apt-get update).', default: true, allowNo: true }),
    reboot: Flags.boolean({ default: false, summary: 'Reboot at the end if a reboot is needed.' }),
  }

  async run(): Promise<OperationReport> {
    const { argv, flags } = await this.parse(Upgrade)
    const [{ upgradePackages }, { rebootNow }] = await Promise.all([import('../operations/upgrade-packages.ts'), import('../operations/reboot-now.ts')])
    return operate({ ...flags, json: this.jsonEnabled() }, true, async (appliance, conversation) => {
      const { release = null, quiesce, refresh } = flags
      const result = await upgradePackages(appliance, { packages: argv.map(String), release, withData: flags['with-data'], quiesce, refresh }, conversation)
      if (flags.reboot && result.executed && (await appliance.rebootNote.isSet())) await rebootNow(appliance)
      return result
    })
  }
}
