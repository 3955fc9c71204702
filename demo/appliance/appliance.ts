import type { ToolOptions, ToolOutcome } from '../run-tool.ts'
import type { ByteRange } from './loop-device.ts'
import type { Firmware, Layout } from './partition-table.ts'

/** A machine's disk with Debian and the application on it, as loop devices of this machine. Nothing is mounted at first. */
export interface Appliance {
  readonly directory: string
  /** Where mountRoot mounts. */
  readonly root: string
  readonly rawImage: string
  readonly layout: Layout
  readonly firmware: Firmware
  /** Serial number of the EFI system partition, eight hexadecimal digits; null where a BIOS starts the machine. */
  readonly espSerial: string | null
  /** GRUB's directory on the second partition: empty, or `/grub`. */
  readonly grubPrefix: string
  /** Place of the second partition in the image, in bytes. */
  readonly grubPartition: ByteRange
  readonly grubDevice: string
  readonly grubUuid: string
  readonly btrfsPartition: ByteRange
  readonly btrfsDevice: string
  readonly btrfsUuid: string
  /** Mounts a subvolume and all that a machine booted from it would mount: the lines of its own fstab, but for the EFI system partition. */
  mountRoot(subvolume: string): Promise<void>
  /** Unmounts all at and below `root`. Fine when nothing is mounted. */
  unmountRoot(): Promise<void>
  /** What a reboot into a subvolume changes: unmountRoot, then mountRoot. */
  boot(subvolume: string): Promise<void>
  /** Runs a program in the mounted root: own /proc and /run, the machine's network; debconf asks nothing. @throws ToolError when its status is not expected */
  run(program: string, args: readonly string[], options?: ToolOptions): Promise<ToolOutcome>
  /** Makes a served repository the only one that apt in the mounted root knows. */
  useRepository(url: string, options?: { readonly base?: boolean }): Promise<void>
  /** Content of a file in GRUB's directory (`/belay/env`) as GRUB would read it now: from the disk, without replaying the journal. @throws NotFoundError */
  grubReads(path: string): Promise<Buffer>
  /** Gives everything back and deletes the files. Fine when called again or at the same time. */
  close(): Promise<void>
}
