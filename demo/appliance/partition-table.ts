import { runTool } from '../run-tool.ts'
import type { ByteRange } from './loop-device.ts'

const SGDISK = '/usr/sbin/sgdisk'
const SECTOR = 512
const MIB = 1024 * 1024

/** Where the parts of the appliance's disk are. The root has the same place whatever the size of the GRUB partition, so that a template fits all. */
export interface DiskLayout {
  readonly biosGrub: ByteRange
  readonly grub: ByteRange
  readonly root: ByteRange
}

export const LARGEST_GRUB_PARTITION = 384 * MIB
export const ROOT_OFFSET = 2 * MIB + LARGEST_GRUB_PARTITION

/** @param grubBytes a whole number of MiB */
export function planLayout(diskBytes: number, grubBytes: number): DiskLayout {
  return {
    biosGrub: { offset: MIB, size: MIB },
    grub: { offset: 2 * MIB, size: grubBytes },
    // The last MiB holds the copy of the partition table.
    root: { offset: ROOT_OFFSET, size: Math.floor(diskBytes / MIB) * MIB - ROOT_OFFSET - MIB },
  }
}

/** Writes the GPT of a layout to an image that has the disk's size. */
export async function writePartitionTable(image: string, { biosGrub, grub, root }: DiskLayout): Promise<void> {
  const partition = (number: number, { offset, size }: ByteRange, type: string) => [
    '--new',
    `${String(number)}:${String(offset / SECTOR)}:${String((offset + size) / SECTOR - 1)}`,
    '--typecode',
    `${String(number)}:${type}`,
  ]
  await runTool(SGDISK, ['--clear', ...partition(1, biosGrub, 'EF02'), ...partition(2, grub, '8300'), ...partition(3, root, '8300'), image])
}
