import { NoSpaceError } from '../errors.ts'
import type { BootLayout } from '../snap/boot-layout.ts'
import { inTarget } from '../snap/target.ts'
import type { Appliance } from './appliance.ts'

const MIB = 1024 * 1024

/** Beside a kernel and its initrd: grub.cfg with its copies, the menu, the env block, and what directories take. */
const OWN_FILES = MIB

interface BootFile {
  readonly name: string
  readonly bytes: number
  readonly isKernel: boolean
}

/** The files of /boot: kernels, initrds and what belongs to them. */
export const readBoot = async ({ files, target }: Pick<Appliance, 'files' | 'target'>): Promise<BootFile[]> => {
  const boot = inTarget(target, '/boot')
  const found: BootFile[] = []
  if ((await files.stat(boot)) === null) return found
  for (const name of await files.list(boot)) {
    const stat = await files.stat(`${boot}/${name}`)
    if (stat?.kind === 'file') found.push({ name, bytes: stat.size, isKernel: name.startsWith('vmlinuz-') })
  }
  return found
}

/** The largest kernel with its initrd: the boot set that the first boot environment gets, and the others share. */
const bootSetBytes = (held: readonly BootFile[]): number =>
  Math.max(
    0,
    ...held
      .filter(({ isKernel }) => isKernel)
      .map(({ name, bytes }) => bytes + (held.find((other) => other.name === name.replace('vmlinuz-', 'initrd.img-'))?.bytes ?? 0)),
  )

/**
 * Proves the room that init needs, on the pool and on the partition with GRUB's directory. There is no reserve yet that an undo could use: it counts as needed.
 * @throws NoSpaceError
 */
export const refuseFull = async ({ driver, boot, policy }: Appliance, layout: BootLayout, held: readonly BootFile[]): Promise<void> => {
  const { reserveMiB, marginMiB, grubReserveMiB } = policy.space
  const moving = layout.kind === 'boot-partition' ? held.reduce((sum, { bytes }) => sum + bytes, 0) : 0
  proveRoom('pool', 'the pool', (reserveMiB + marginMiB) * MIB + moving, (await driver.space()).free, ['apt-get clean', 'journalctl --vacuum-size=50M'])
  const where = layout.kind === 'boot-partition' ? 'the partition at /boot' : 'the GRUB partition'
  proveRoom('/boot/grub', where, bootSetBytes(held) + OWN_FILES + grubReserveMiB * MIB, (await boot.space()).free, [
    layout.kind === 'boot-partition' ? 'apt-get autoremove --purge   # kernels that are not used any more lie there too' : 'df /boot/grub',
    'or give it a larger partition: 512 MiB and more leave room for several versions',
  ])
}

const proveRoom = (where: string, called: string, need: number, free: number, next: readonly string[]): void => {
  if (free >= need) return
  const inMib = (bytes: number): string => `${String(Math.ceil(bytes / MIB))} MiB`
  throw new NoSpaceError(`init needs ${inMib(need)} on ${called}; ${String(Math.floor(free / MIB))} MiB is free`, { next, data: { where, need, free } })
}
