import { BaseCommand } from '../../base-command.ts'
import type { ExitCode } from '../../exit-codes.ts'
import { withAppliance } from '../../run-command.ts'
import type { RefreshedBootSet } from '../../operations/refresh-boot-set.ts'

export default class BootSetRefresh extends BaseCommand {
  static override exitCodes: readonly ExitCode[] = [0, 1, 2, 10, 11, 12, 13]
  static override summary = 'Give GRUB the newest kernel and initrd of the running version, once they are verified.'
  static override description = 'Called by the hooks of kernel packages and of update-initramfs. An unverified set leaves the old one in place.'
  static override examples = ['<%= config.bin %> boot-set refresh']

  async run(): Promise<RefreshedBootSet> {
    const { flags } = await this.parse(BootSetRefresh)
    const { refreshBootSet } = await import('../../operations/refresh-boot-set.ts')
    return withAppliance({ ...flags, json: this.jsonEnabled() }, async (appliance) => {
      const refreshed = await refreshBootSet(appliance)
      if (!this.jsonEnabled()) process.stdout.write(`${refreshed.be}: ${refreshed.kernelVersion}${refreshed.changed ? '' : ' (as before)'}\n`)
      return refreshed
    })
  }
}
