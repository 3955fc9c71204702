import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BugError } from '../../src/errors.ts'
import { runInChroot } from './chroot.ts'
import type { ByteRange } from './loop-device.ts'

const SECTOR = 512
const MODULES = 'usr/lib/grub/i386-pc'
const CORE = 'boot/grub/i386-pc/core.img'

/** Offsets in boot.img and diskboot.img (GRUB 2.12, include/grub/i386/pc/boot.h). */
const MBR_CODE_BYTES = 446
const KERNEL_SECTOR = 0x5c
const BOOT_DRIVE_CHECK = 0x66
const BLOCKLIST = SECTOR - 12
const KERNEL_SEGMENT = 0x820
const TWO_NOPS = 0x9090

/**
 * Makes a disk image start GRUB from a BIOS, as grub-install would if the kernel showed the partitions of a loop device: core.img, made by the root's own GRUB for
 * modules on the second partition, goes to the BIOS boot partition and boot.img in front of the partition table.
 * @param root mounted, with GRUB's directory at /boot/grub
 * @param prefix GRUB's directory on the second partition: empty, or `/grub`
 */
export async function installBootLoader(root: string, image: string, biosGrub: ByteRange, prefix: string): Promise<void> {
  await runInChroot(root, '/usr/bin/grub-mkimage', ['-O', 'i386-pc', '-o', `/${CORE}`, '-p', `(hd0,gpt2)${prefix}`, 'biosdisk', 'part_gpt', 'ext2'])
  const boot = await readFile(join(root, MODULES, 'boot.img'))
  const core = await readFile(join(root, CORE))
  if (core.byteLength > biosGrub.size) throw new BugError(`GRUB's core image of ${String(core.byteLength)} bytes does not fit the BIOS boot partition`)

  const start = biosGrub.offset / SECTOR
  boot.writeBigUInt64LE(BigInt(start), KERNEL_SECTOR)
  // Some BIOSes name another drive than the one that they start from.
  boot.writeUInt16LE(TWO_NOPS, BOOT_DRIVE_CHECK)
  core.writeBigUInt64LE(BigInt(start + 1), BLOCKLIST)
  core.writeUInt16LE(Math.ceil(core.byteLength / SECTOR) - 1, BLOCKLIST + 8)
  core.writeUInt16LE(KERNEL_SEGMENT, BLOCKLIST + 10)

  const disk = await open(image, 'r+')
  try {
    await disk.write(boot, 0, MBR_CODE_BYTES, 0)
    await disk.write(core, 0, core.byteLength, biosGrub.offset)
    await disk.sync()
  } finally {
    await disk.close()
  }
}
