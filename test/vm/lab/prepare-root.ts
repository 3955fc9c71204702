import { chmod, copyFile, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Appliance } from '../../../demo/appliance/appliance.ts'
import type { Suite } from '../../../demo/debian-archive.ts'

/** Files that are put into the guest; see each for why. */
export const GUEST_FILES = join(import.meta.dirname, 'guest')

/** For the emergency shell on the console; logins of root need no password there. */
export const ROOT_PASSWORD = 'appliance'

const FILES = [
  { name: 'lab-shell', path: 'usr/lib/lab/lab-shell', mode: 0o755 },
  { name: 'lab-shell.service', path: 'etc/systemd/system/lab-shell.service', mode: 0o644 },
  { name: 'lab.network', path: 'etc/systemd/network/10-lab.network', mode: 0o644 },
  { name: 'emulation.cfg', path: 'etc/default/grub.d/emulation.cfg', mode: 0o644 },
  { name: 'autologin.conf', path: 'etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf', mode: 0o644 },
] as const
/** /usr/share/initramfs-tools/modules.d is for packages; the machine's own list is a conffile, about which dpkg would ask in a release upgrade. */
const BOOKWORM_FILES = [
  { name: 'initramfs-bookworm.conf', path: 'etc/initramfs-tools/conf.d/lab.conf', mode: 0o644 },
  { name: 'initramfs-modules', path: 'usr/share/initramfs-tools/modules.d/lab', mode: 0o644 },
] as const
const EFI_FILES = [{ name: 'efi-console.cfg', path: 'etc/default/grub.d/efi-console.cfg', mode: 0o644 }] as const

/** Nothing but the scenario is to run in a guest, whose clock may be months behind the last run of these. */
const MASKED = ['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer', 'fstrim.timer']

/** Adds to a mounted appliance what the lab needs: a shell on the second serial line, a login on the first, and a network that ends at this machine. */
export async function prepareRoot({ root, firmware, run }: Pick<Appliance, 'root' | 'firmware' | 'run'>, suite: Suite): Promise<void> {
  for (const { name, path, mode } of [...FILES, ...(suite === 'bookworm' ? BOOKWORM_FILES : []), ...(firmware === 'efi' ? EFI_FILES : [])]) {
    const target = join(root, path)
    await mkdir(dirname(target), { recursive: true })
    await copyFile(join(GUEST_FILES, name), target)
    await chmod(target, mode)
  }
  for (const unit of MASKED) await symlink('/dev/null', join(root, 'etc/systemd/system', unit))
  await run('/usr/bin/systemctl', ['enable', 'lab-shell.service', 'systemd-networkd.service'])
  // A machine of one network with no way out has nothing to wait for.
  await run('/usr/bin/systemctl', ['disable', 'systemd-networkd-wait-online.service'])
  await run('/usr/sbin/chpasswd', [], { input: `root:${ROOT_PASSWORD}\n` })
  await run('/usr/sbin/grub-mkconfig', ['-o', '/boot/grub/grub.cfg'])
}
