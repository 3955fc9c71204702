import { z } from 'zod'
import type { Guest } from '../lab/guest.ts'

/** SHA-256 of every file of every boot set, by boot environment. */
export type BootSetHashes = Readonly<Record<string, string>>

/** What GRUB would load, hashed in the guest: one line for each boot environment. */
export const readBootSets = async (guest: Guest): Promise<BootSetHashes> => {
  const stdout = await guest.must(
    'cd /boot/grub/belay/be && for be in *; do printf "%s %s\\n" "$be" "$(cat "$be"/vmlinuz "$be"/initrd.img "$be"/entry.cfg | sha256sum | cut -d " " -f 1)"; done',
    { timeoutSeconds: 300 },
  )
  return z.record(z.string(), z.string()).parse(
    Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    ),
  )
}

/** Those of all boot environments but one. */
export const othersOf = (hashes: BootSetHashes, be: string): BootSetHashes => Object.fromEntries(Object.entries(hashes).filter(([name]) => name !== be))
