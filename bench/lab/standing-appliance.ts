import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { Snapper } from '../peers/snapper.ts'
import { Timeshift } from '../peers/timeshift.ts'
import type { Lab } from './lab.ts'
import { timeCommand } from './timed-command.ts'

const BTRFS = '/usr/bin/btrfs'

/** One adopted appliance with its peers beside it on the same filesystem, each on the same tree. */
export interface StandingAppliance {
  readonly appliance: Appliance
  readonly snapper: Snapper
  readonly timeshift: { readonly btrfs: Timeshift; readonly rsync: Timeshift }
  /** A read-only snapshot of the running root by btrfs alone. */
  readonly rawSnapshot: () => Promise<number>
}

export const makeStandingAppliance = async (lab: Lab): Promise<StandingAppliance> => {
  const appliance = await lab.adoptedAppliance()
  const snapper = await Snapper.make(appliance)
  const timeshift = await Timeshift.make(appliance)
  const raw = join(appliance.directory, 'top/raw')
  await mkdir(raw)
  let taken = 0
  return {
    appliance,
    snapper,
    timeshift: { btrfs: timeshift('btrfs'), rsync: timeshift('rsync') },
    rawSnapshot() {
      taken += 1
      return timeCommand([BTRFS, 'subvolume', 'snapshot', '-r', '--', appliance.root, join(raw, String(taken))])
    },
  }
}
