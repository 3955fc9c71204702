import { LAYOUT, bootEnvironmentPath, BOOT_SET_FILES } from '../../src/boot/grub-partition-layout.ts'
import { type WhatBoots, whatBoots } from '../../src/boot/next-boot-from-files.ts'
import { NotFoundError } from '../../src/errors.ts'
import type { BeName } from '../../src/snap/names.ts'
import type { Appliance } from './appliance.ts'

const readIfAny = async (appliance: Appliance, path: string): Promise<Buffer | null> => {
  try {
    return await appliance.grubReads(`/${path}`)
  } catch (error) {
    if (error instanceof NotFoundError) return null
    throw error
  }
}

/**
 * What GRUB would start if the machine were switched on now: the files are read from the raw image by grub-fstest, which replays no journal, as
 * GRUB does not. Null when it would find nothing to start.
 * @param known boot environments whose own entries are looked at when the menu fragment is lost
 */
export const whatGrubWouldBoot = async (appliance: Appliance, known: readonly BeName[] = []): Promise<WhatBoots | null> => {
  const env = await readIfAny(appliance, LAYOUT.env)
  const fragment = (await readIfAny(appliance, LAYOUT.fragment))?.toString('utf8') ?? null
  const entries = new Map<BeName, string | null>()
  for (const be of known) entries.set(be, (await readIfAny(appliance, `${bootEnvironmentPath(be)}/${BOOT_SET_FILES.entry}`))?.toString('utf8') ?? null)
  return whatBoots({ env, fragment, entries })
}

/** The subvolume that the kernel would mount as root. */
export const subvolumeOf = (choice: WhatBoots): string => {
  const flag = choice.arguments.find((argument) => argument.startsWith('rootflags=subvol='))
  if (flag === undefined) throw new Error(`no rootflags among ${choice.arguments.join(' ')}`)
  return flag.slice('rootflags=subvol='.length)
}
