import { Flags } from '@oclif/core'
import { MutatingCommand } from '../mutating-command.ts'
import { operate } from '../run-command.ts'
import type { OperationReport } from '../operations/operation-report.ts'

/** Shells complete the name of a directory with a slash. */
const withoutSlash = (path: string): Promise<string> => Promise.resolve(path.replace(/(?<=[^/])\/+$/, ''))

export default class Init extends MutatingCommand {
  static override summary = 'Adopt this machine, or an image that is being built.'
  static override description =
    'Finds what in root is not the operating system and gives it filesystems of its own, makes the configuration directories members that follow the version, takes the factory generation and installs the boot menu. All of it happens in a new boot environment that takes effect at the next boot; the root that runs now is not changed. A ZFS dataset that is named with --data becomes data where it is, on any pool.'
  static override examples = [
    '<%= config.bin %> init --plan',
    '<%= config.bin %> init --config /etc/acme --data-format /usr/share/acme/data-format',
    '<%= config.bin %> init --root /mnt/image --config /etc/acme --in-root /var/lib/acme-cache --yes',
    '<%= config.bin %> init --policy my-appliance.yaml --yes',
  ]
  static override flags = {
    config: Flags.string({ summary: 'A directory of the application’s configuration.', helpValue: 'PATH', multiple: true, parse: withoutSlash }),
    data: Flags.string({
      summary: 'The customer’s data, beyond what belay finds: a directory of root, or where a ZFS dataset is mounted.',
      helpValue: 'PATH',
      multiple: true,
      parse: withoutSlash,
    }),
    'in-root': Flags.string({
      summary: 'A path that stays in root although it is not the operating system.',
      helpValue: 'PATH',
      multiple: true,
      parse: withoutSlash,
    }),
    'data-format': Flags.string({ summary: 'The file in which the application’s package ships its data format.', helpValue: 'PATH' }),
    important: Flags.string({ summary: 'Packages whose versions list shows.', helpValue: 'GLOB', multiple: true }),
    policy: Flags.string({ summary: 'A ready config.yaml instead of one made from these flags.', helpValue: 'FILE' }),
  }

  async run(): Promise<OperationReport> {
    const { flags } = await this.parse(Init)
    const [{ initialise }, { makePolicy }] = await Promise.all([import('../operations/initialise.ts'), import('../operations/make-policy.ts')])
    let prepared = { text: '', notices: [] as readonly string[] }
    return operate(
      { ...flags, json: this.jsonEnabled() },
      true,
      (appliance, conversation) => {
        const { policy } = appliance
        return initialise(
          appliance,
          { config: policy.config, data: flags.data ?? [], inRoot: policy.inRoot, policyText: prepared.text, notices: prepared.notices },
          conversation,
        )
      },
      async (files) => {
        const made = await makePolicy(files, {
          root: flags.root,
          file: flags.policy ?? null,
          config: flags.config ?? [],
          inRoot: flags['in-root'] ?? [],
          dataFormat: flags['data-format'] ?? null,
          important: flags.important ?? [],
        })
        prepared = made
        return made.policy
      },
    )
  }
}
