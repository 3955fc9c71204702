import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Firmware } from '../../../../demo/appliance/partition-table.ts'

/** On the GRUB partition. */
const PLACE = 'vendor'

/** The firmware of an EFI machine (OVMF) has its console on the serial line, which GRUB's own driver would take half of the keys from. */
const TERMINALS = {
  bios: ['serial --unit=0 --speed=115200', 'terminal_input serial console', 'terminal_output serial console'],
  efi: [],
} as const

/** GRUB's menu of the machine as its vendor ships it. */
const renderVendorMenu = (dataset: string, firmware: Firmware): string =>
  [
    ...TERMINALS[firmware],
    'set timeout=2',
    "menuentry 'Acme Appliance' {",
    `\tlinux /${PLACE}/vmlinuz root=ZFS=${dataset} ro console=tty0 console=ttyS0,115200 norandmaps`,
    `\tinitrd /${PLACE}/initrd.img`,
    '}',
    '',
  ].join('\n')

/**
 * Copies the kernel and its initrd to where GRUB can read them, which a pool with all features of OpenZFS is not, and writes a menu that starts them.
 * @param root with the GRUB partition at /boot/grub and one kernel
 */
export async function installVendorMenu(root: string, dataset: string, firmware: Firmware): Promise<void> {
  const [boot, grub] = [join(root, 'boot'), join(root, 'boot/grub')]
  const [kernel] = await readdir(join(root, 'usr/lib/modules'))
  if (kernel === undefined) throw new Error(`${root} has no kernel`)
  await mkdir(join(grub, PLACE))
  await copyFile(join(boot, `vmlinuz-${kernel}`), join(grub, PLACE, 'vmlinuz'))
  await copyFile(join(boot, `initrd.img-${kernel}`), join(grub, PLACE, 'initrd.img'))
  await writeFile(join(grub, 'grub.cfg'), renderVendorMenu(dataset, firmware))
}
