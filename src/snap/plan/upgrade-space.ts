import { NoSpaceError } from '../../errors.ts'
import type { Check } from './plan.ts'
import { type Room, bootSetToCome, proveRooms } from './space-check.ts'
import type { PlanContext } from './state.ts'

/** Free bytes where an upgrade writes. */
export interface UpgradeSpace {
  readonly pool: number
  readonly grubPartition: number
  /** Bytes of the running boot environment's boot set: what a new kernel will need about as much of. */
  readonly bootSet: number
  /** What it needs elsewhere. */
  readonly rooms: readonly Room[]
}

interface Need {
  /** What is asked for, as the beginning of a sentence. */
  readonly who: string
  /** Bytes that packages write on the pool. */
  readonly bytes: number
  /** Names of the packages that change. */
  readonly packages: readonly string[]
}

const MIB = 1024 * 1024

const isKernelOrBootLoader = (name: string): boolean => /^(?:linux-image-|linux-modules-|initramfs-tools|grub-)/.test(name)

const mib = (bytes: number): string => `${String(Math.ceil(bytes / MIB))} MiB`

/** Room on the pool, with the margin of policy, on the GRUB partition and elsewhere. @throws NoSpaceError */
export const checkUpgradeSpace = (space: UpgradeSpace, { who, bytes, packages }: Need, context: PlanContext): readonly Check[] => {
  // An initrd is in no package: it is made in /boot of root, beside the one that is replaced, and copied to the GRUB partition.
  const toCome = packages.some(isKernelOrBootLoader) ? bootSetToCome(space.bootSet) : 0
  const need = bytes + toCome + context.policy.space.marginMiB * MIB
  if (space.pool < need) {
    throw new NoSpaceError(`${who} needs ${mib(need)} on the pool; ${mib(space.pool)} is free`, {
      next: ['belay prune', 'apt-get clean', 'belay delete ID'],
      data: { where: 'pool', need, free: space.pool },
    })
  }
  const grubNeed = toCome === 0 ? MIB : toCome + 4 * MIB
  if (space.grubPartition < grubNeed) {
    throw new NoSpaceError(`${who} needs ${mib(grubNeed)} on the GRUB partition; ${mib(space.grubPartition)} is free`, {
      next: ['belay prune', 'belay delete ID'],
      data: { where: '/boot/grub', need: grubNeed, free: space.grubPartition },
    })
  }
  return [{ name: 'space', detail: `${mib(need)} needed on the pool and ${mib(grubNeed)} on the GRUB partition, and there` }, proveRooms(who, space.rooms)]
}
