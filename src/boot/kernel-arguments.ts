import { z } from 'zod'
import { RefusedError } from '../errors.ts'
import { BeName } from '../snap/names.ts'

/** Every kernel argument that belay writes or reads, by what it means; the shell in grub/ and initramfs-hooks/ uses the same names. */
const KERNEL_ARGUMENT = {
  root: 'root',
  readOnly: 'ro',
  rootFlags: 'rootflags',
  panic: 'panic',
  noResume: 'noresume',
  /** Beats /etc/hostid, of which each initrd has a copy of its own age (OpenZFS 2.1 and 2.3, module spl and libspl). */
  hostid: 'spl.spl_hostid',
  /** The boot environment that was started. */
  be: 'belay.be',
  /** Seconds within which a boot of a trial must be found healthy; libexec/trial-watch reads it. */
  deadline: 'belay.deadline',
} as const

/** Names that policy may not add: ours, their opposites, and what would make the initramfs start another root. */
const RESERVED: ReadonlySet<string> = new Set([
  ...Object.values(KERNEL_ARGUMENT),
  'rw',
  'resume',
  'boot',
  'bootfs',
  'rpool',
  'rollback',
  'BOOT_IMAGE',
  'initrd',
  '--',
])
const RESERVED_PREFIX = 'belay.'

/** 32 bits in hexadecimal, as gethostid(3) of that machine gives them. */
const Hostid = z.string().regex(/^0x[0-9a-f]{8}$/, 'must be 0x and eight hexadecimal digits')

/** The filesystem that a boot environment's root is on. */
export const RootFilesystem = z.discriminatedUnion('driver', [
  z.object({
    driver: z.literal('btrfs'),
    /** UUID of the filesystem, as blkid prints it. */
    filesystemUuid: z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a lower-case UUID'),
    /** Path of the subvolume from the filesystem's top level; a comma or blank in it would end the mount option. */
    subvolume: z.string().regex(/^[A-Za-z0-9_.@/:+-]+$/, 'must be a path of letters, digits and _ . @ / : + -'),
  }),
  z.object({
    driver: z.literal('zfs'),
    /** Full name of the dataset, pool included. */
    dataset: z.string().regex(/^[A-Za-z][A-Za-z0-9_.:-]*(?:\/[A-Za-z0-9_.:-]+)+$/, 'must be a dataset name without blanks'),
    /** By which the pool knows its machine; another one is refused the import. Null where the machine has none. */
    hostid: Hostid.nullable(),
  }),
])
export type RootFilesystem = z.infer<typeof RootFilesystem>

/** One argument that policy adds: printable ASCII, one word, nothing that GRUB or the kernel would take as quoting or expansion. */
export const ExtraArgument = z
  .string()
  .max(256)
  .regex(/^[\x21-\x7e]+$/, 'must be one word of printable ASCII')
  .regex(/^[^'"`$\\]+$/, 'must not contain quotes, $ or a backslash')
  .refine((argument) => !isOwnArgument(argument), 'is set by belay itself')

/** Whether belay sets this kernel argument, or forbids it, itself. */
export function isOwnArgument(argument: string): boolean {
  const name = argument.split('=', 1)[0] ?? ''
  return RESERVED.has(name) || name.startsWith(RESERVED_PREFIX)
}

/**
 * The kernel command line of a boot environment, one argument an item.
 * @throws RefusedError `kernel-arguments/invalid`, naming the argument, when a value could not be written to a command line safely.
 */
export function kernelArguments(options: {
  readonly be: BeName
  readonly root: RootFilesystem
  /** Seconds until the kernel or the initramfs reboots after a panic: without it a failed boot stops instead of falling back. */
  readonly panicSeconds: number
  /** Seconds until a boot of a trial that nobody found healthy ends. */
  readonly deadlineSeconds: number
  readonly extra: readonly string[]
}): string[] {
  const be = checked(BeName, options.be, 'boot environment')
  const root = checked(RootFilesystem, options.root, 'root filesystem')
  const panic = checked(z.int().min(1).max(3600), options.panicSeconds, 'panic')
  const deadline = checked(z.int().min(1), options.deadlineSeconds, 'deadline')
  const extra = options.extra.map((argument) => checked(ExtraArgument, argument, `kernel argument ${JSON.stringify(argument)}`))
  return [
    ...rootArguments(root),
    `${KERNEL_ARGUMENT.panic}=${String(panic)}`,
    KERNEL_ARGUMENT.noResume,
    `${KERNEL_ARGUMENT.be}=${be}`,
    `${KERNEL_ARGUMENT.deadline}=${String(deadline)}`,
    ...extra,
  ]
}

/** The boot environment that a running kernel was started for (text of /proc/cmdline), or null when belay did not start it. */
export function bootedEnvironment(commandLine: string): BeName | null {
  const prefix = `${KERNEL_ARGUMENT.be}=`
  const value = commandLine.split(/\s+/).findLast((word) => word.startsWith(prefix))
  const parsed = BeName.safeParse(value?.slice(prefix.length))
  return parsed.success ? parsed.data : null
}

function rootArguments(root: RootFilesystem): string[] {
  return root.driver === 'btrfs'
    ? [`${KERNEL_ARGUMENT.root}=UUID=${root.filesystemUuid}`, KERNEL_ARGUMENT.readOnly, `${KERNEL_ARGUMENT.rootFlags}=subvol=${root.subvolume}`]
    : [`${KERNEL_ARGUMENT.root}=ZFS=${root.dataset}`, ...(root.hostid === null ? [] : [`${KERNEL_ARGUMENT.hostid}=${root.hostid}`])]
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const reasons = result.error.issues.map((issue) => [...issue.path.map(String), issue.message].join(' '))
  throw new RefusedError('kernel-arguments/invalid', `${what} ${reasons.join(', ')}`, {
    next: ['correct it in /etc/belay/config.yaml'],
    data: { what, reasons },
  })
}
