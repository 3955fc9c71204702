import { z } from 'zod'
import type { Guest } from '../lab/guest.ts'

/** What runs in a machine, as facts that can be compared from version to version. */
const MachineFacts = z.object({
  /** `uname -r`. */
  kernel: z.string(),
  /** A module that is not built in was loaded from this version's own modules. */
  modules: z.string(),
  /** The boot environment that the kernel was told to start, and the subvolume or dataset that is mounted as root. */
  commandLine: z.string(),
  root: z.string(),
  application: z.string(),
  service: z.string(),
  /** First non-comment line of the application's configuration. */
  config: z.string(),
  /** Whether the configuration is a subvolume or dataset of its own: `own`. */
  configFilesystem: z.string(),
  /** SHA-256 over the customer's files below /home and /srv/files. */
  data: z.string(),
  machineId: z.string(),
  grubPartition: z.string(),
  grubCfg: z.string(),
  failedUnits: z.string(),
})
export type MachineFacts = z.infer<typeof MachineFacts>

const COMMANDS: Readonly<Record<keyof MachineFacts, string>> = {
  kernel: 'uname -r',
  modules: 'modprobe dummy && modinfo --field vermagic dummy | cut -d " " -f 1',
  commandLine: 'tr " " "\\n" </proc/cmdline | sed -n "s/^belay.be=//p"',
  root: 'findmnt --noheadings --output SOURCE /',
  application: "dpkg-query --show --showformat='${Version}' acme-gateway",
  service: 'systemctl is-active acme-gateway || :',
  config: 'grep -v "^#" /etc/acme/gateway.conf | head -n 1',
  configFilesystem: '[ "$(stat --format %d /etc/acme)" = "$(stat --format %d /etc)" ] && echo shared || echo own',
  data: 'find /home /srv/files -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d " " -f 1',
  machineId: 'cat /etc/machine-id',
  grubPartition: 'findmnt --noheadings --output FSTYPE,FSROOT /boot/grub',
  grubCfg: 'sha256sum </boot/grub/grub.cfg | cut -d " " -f 1',
  failedUnits: 'systemctl list-units --failed --plain --no-legend | cut -d " " -f 1',
}

/** Read the facts of a machine in one script: every command's output under its name. */
export const readMachineFacts = async (guest: Guest): Promise<MachineFacts> => {
  const script = Object.entries(COMMANDS).map(([name, command]) => `printf '\\036${name}\\037'; { ${command}; }`)
  const stdout = await guest.must(script.join('\n'))
  const pairs = stdout.split('\u001e').flatMap((record) => {
    const [name = '', value = ''] = record.split('\u001f')
    return name === '' ? [] : [[name, value.trim()] as const]
  })
  return MachineFacts.parse(Object.fromEntries(pairs))
}
