import { runTool } from '../run-tool.ts'
import type { ByteRange } from './loop-device.ts'

const SGDISK = '/usr/sbin/sgdisk'
const SECTOR = 512
const MIB = 1024 * 1024

/** How the machine starts. */
export type Firmware = 'bios' | 'efi'

/** What the root is on. */
export type Filesystem = 'btrfs' | 'zfs'

/**
 * What the second partition, an ext4, is. The root is in the subvolume @rootfs, as Debian's installer has it.
 * `grub-partition`, the default: mounted at /boot/grub, the kernels are in root. `boot-partition`: mounted at /boot, as the installer does when it is asked for a /boot of its own.
 */
export type Layout = 'grub-partition' | 'boot-partition'

/** Where the parts of the appliance's disk are. The second partition and the root have the same places in all layouts, so that a template fits all. */
export interface DiskLayout {
  readonly firmware: Firmware
  /** First partition: GRUB's core image where the firmware is a BIOS, the EFI system partition (ESP) otherwise. */
  readonly loader: ByteRange
  /** Second partition, ext4: what is mounted at /boot/grub or at /boot. */
  readonly grub: ByteRange
  readonly root: ByteRange
}

/** FAT32 needs 65525 clusters, of 512 bytes at least. */
const ESP_SIZE = 63 * MIB
const GRUB_OFFSET = MIB + ESP_SIZE
export const LARGEST_GRUB_PARTITION = 512 * MIB
export const ROOT_OFFSET = GRUB_OFFSET + LARGEST_GRUB_PARTITION

/** @param grubBytes a whole number of MiB */
export function planLayout(diskBytes: number, grubBytes: number, firmware: Firmware): DiskLayout {
  return {
    firmware,
    loader: { offset: MIB, size: firmware === 'efi' ? ESP_SIZE : MIB },
    grub: { offset: GRUB_OFFSET, size: grubBytes },
    // The last MiB holds the copy of the partition table.
    root: { offset: ROOT_OFFSET, size: Math.floor(diskBytes / MIB) * MIB - ROOT_OFFSET - MIB },
  }
}

/** Types of the third partition. OpenZFS's guide to Debian on ZFS takes Solaris's. */
const ROOT_TYPES = { btrfs: '8300', zfs: 'BF00' } as const

/** Writes the GPT of a layout to an image that has the disk's size. */
export async function writePartitionTable(image: string, { firmware, loader, grub, root }: DiskLayout, filesystem: Filesystem = 'btrfs'): Promise<void> {
  const partition = (number: number, { offset, size }: ByteRange, type: string) => [
    '--new',
    `${String(number)}:${String(offset / SECTOR)}:${String((offset + size) / SECTOR - 1)}`,
    '--typecode',
    `${String(number)}:${type}`,
  ]
  const first = partition(1, loader, firmware === 'efi' ? 'EF00' : 'EF02')
  await runTool(SGDISK, ['--clear', ...first, ...partition(2, grub, '8300'), ...partition(3, root, ROOT_TYPES[filesystem]), image])
}
