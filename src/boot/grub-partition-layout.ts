import type { BeName } from '../snap/names.ts'

/** Where the GRUB partition is mounted in every boot environment; `$prefix` in GRUB. */
export const GRUB_MOUNTPOINT = '/boot/grub'

/** Paths on the GRUB partition, relative to its root. */
export const LAYOUT = {
  grubCfg: 'grub.cfg',
  /** The same text, where Debian's tools never write. */
  grubCfgCopy: 'belay/grub.cfg',
  /** Says that grub.cfg is not belay's on purpose: the stub in GRUB's core image then leaves it alone. */
  released: 'belay/released',
  directory: 'belay',
  env: 'belay/env',
  fragment: 'belay/menu.cfg',
  debianMenu: 'belay/debian.cfg',
  /** The grub.cfg that belay init found. */
  before: 'belay/grub.cfg.before',
  reserve: 'belay/reserve',
  /** Name of the boot environment whose trial libexec/end-trial ended with a reboot: it does not do that twice. */
  trialEnded: 'belay/trial-ended',
  /** One symbolic link for each boot environment, to its directory below `sets`. */
  bootEnvironments: 'belay/be',
  /** The boot sets themselves, `<be>.<n>`: a refresh fills a new directory and then replaces the link, which is one write. */
  sets: 'belay/sets',
} as const

/** Names in a boot set's directory. */
export const BOOT_SET_FILES = { vmlinuz: 'vmlinuz', initrd: 'initrd.img', entry: 'entry.cfg', record: 'boot-set.json' } as const

/** The path through which GRUB reaches a boot environment's set. */
export const bootEnvironmentPath = (be: BeName): string => `${LAYOUT.bootEnvironments}/${be}`
