import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import type { ByteRange } from './loop-device.ts'

const SECTOR = 512
const KIB = 1024

/** What the firmware starts without an entry of its own in NVRAM, and what grub-install --force-extra-removable (2.12) puts there. */
const REMOVABLE = 'EFI/BOOT'
/** Where Debian's signed GRUB looks for its configuration, and where the firmware's entry leads. */
const DEBIAN = 'EFI/debian'

/** Files of the packages shim-signed, shim-helpers-amd64-signed and grub-efi-amd64-signed, and where grub-install puts them. */
const PROGRAMS = [
  ['usr/lib/shim/shimx64.efi.signed', `${DEBIAN}/shimx64.efi`],
  ['usr/lib/shim/mmx64.efi.signed', `${DEBIAN}/mmx64.efi`],
  ['usr/lib/shim/fbx64.efi.signed', `${DEBIAN}/fbx64.efi`],
  ['usr/lib/shim/BOOTX64.CSV', `${DEBIAN}/BOOTX64.CSV`],
  ['usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed', `${DEBIAN}/grubx64.efi`],
  ['usr/lib/shim/shimx64.efi.signed', `${REMOVABLE}/BOOTX64.EFI`],
  ['usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed', `${REMOVABLE}/grubx64.efi`],
] as const

/** The configuration that grub-install writes beside a signed image, whose built-in prefix is /EFI/debian. */
const stub = (grubUuid: string, prefix: string): string =>
  [`search.fs_uuid ${grubUuid} root `, `set prefix=($root)'${prefix}'`, 'configfile $prefix/grub.cfg', ''].join('\n')

interface EfiSystemPartition {
  readonly image: string
  readonly range: ByteRange
  /** Its serial number, eight hexadecimal digits: UUID=ABCD-EF01 in fstab. */
  readonly serial: string
  /** A root with Debian's signed shim and GRUB in it. */
  readonly root: string
  readonly grubUuid: string
  /** GRUB's directory on its partition: empty, or `/grub`. */
  readonly prefix: string
}

/** Makes the EFI system partition (ESP) of an image and fills it as grub-install does; nothing is mounted, since not every kernel has FAT. */
export async function makeEfiSystemPartition({ image, range, serial, root, grubUuid, prefix }: EfiSystemPartition): Promise<void> {
  const offset = String(range.offset / SECTOR)
  await runTool('/usr/sbin/mkfs.fat', ['-F', '32', '-s', '1', '-i', serial, '-n', 'ESP', '--offset', offset, image, String(range.size / KIB)])
  const disk = `${image}@@${String(range.offset)}`
  await runTool('/usr/bin/mmd', ['-i', disk, '::EFI', `::${DEBIAN}`, `::${REMOVABLE}`])
  for (const [from, to] of PROGRAMS) await runTool('/usr/bin/mcopy', ['-i', disk, join(root, from), `::${to}`])
  const work = await mkdtemp(join(tmpdir(), 'belay-esp-'))
  try {
    await writeFile(join(work, 'grub.cfg'), stub(grubUuid, prefix))
    await runTool('/usr/bin/mcopy', ['-i', disk, join(work, 'grub.cfg'), `::${DEBIAN}/grub.cfg`])
  } finally {
    await rm(work, { recursive: true })
  }
}
