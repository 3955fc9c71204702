import { z } from 'zod'
import { BootSetRecord } from '../snap/model.ts'

/** Version of boot-set.json. Additive: fields that are not known are kept when the file is written again. */
export const BOOT_SET_FORMAT = { major: 1, minor: 0 } as const

/** What tells an unchanged source file from a changed one without reading it. The device is left out: it differs with every mount of a subvolume. */
export const SourceStamp = z.looseObject({ inode: z.number(), size: z.number(), mtimeNs: z.string(), ctimeNs: z.string() })
export type SourceStamp = z.infer<typeof SourceStamp>

/** boot-set.json: what was verified, and of which files in the root. */
export const BootSetFile = z.looseObject({
  ...BootSetRecord.shape,
  format: z.looseObject({ major: z.int(), minor: z.int() }),
  filesystem: z.string(),
  /** Files that the initrd was asked to hold, beyond the modules. */
  initrdHolds: z.array(z.string()),
  /** Features of ZFS pools that its module knows; null where belay could not read them, missing where the root is not on ZFS. */
  poolFeatures: z.array(z.string()).nullable().exactOptional(),
  sources: z.looseObject({ vmlinuz: SourceStamp, initrd: SourceStamp }),
})
export type BootSetFile = z.infer<typeof BootSetFile>
