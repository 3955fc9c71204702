import { constants } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import type { Appliance } from './appliance.ts'
import { installBootLoader } from './boot-loader.ts'
import { makeEfiSystemPartition } from './efi-system-partition.ts'
import type { DiskLayout } from './partition-table.ts'

const FREEZE_THAW = join(import.meta.dirname, '../../libexec/freeze-thaw')

/** grub-install's names for its targets. */
const TARGETS = { bios: 'i386-pc', efi: 'x86_64-efi' } as const

type MountedMachine = Pick<Appliance, 'root' | 'rawImage' | 'firmware' | 'espSerial' | 'grubUuid' | 'grubPrefix'>

/** Puts GRUB on a disk, as grub-install would if it found partitions on a loop device; its menu is not written. The second partition has to be mounted. */
export async function installGrub({ root, rawImage, firmware, espSerial, grubUuid, grubPrefix }: MountedMachine, disk: DiskLayout): Promise<void> {
  const [modules, target] = [join(root, 'usr/lib/grub', TARGETS[firmware]), join(root, 'boot/grub', TARGETS[firmware])]
  await mkdir(target, { recursive: true })
  for (const name of await readdir(modules)) {
    if (/\.(?:mod|lst|img)$/.test(name)) await copyFile(join(modules, name), join(target, name), constants.COPYFILE_EXCL)
  }
  if (espSerial === null) await installBootLoader(root, rawImage, disk.loader, grubPrefix)
  else await makeEfiSystemPartition({ image: rawImage, range: disk.loader, serial: espSerial, root, grubUuid, prefix: grubPrefix })
}

/** Unmounting is not enough for GRUB, which reads the disk: a mount namespace of another process may keep the filesystem in use. */
export async function makeReadableByGrub(mountpoint: string): Promise<void> {
  await runTool('/bin/sh', [FREEZE_THAW, mountpoint])
}
