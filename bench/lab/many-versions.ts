import type { Appliance } from '../../demo/appliance/appliance.ts'
import { Snapper } from '../peers/snapper.ts'
import type { Lab } from './lab.ts'
import { takeManyGenerations } from './many-generations.ts'

/** An appliance with many generations of root alone, and another with as many snapshots of snapper's: belay asks btrfs for every subvolume there is. */
export const appliancesWithManyVersions = async (
  lab: Lab,
  count: number,
): Promise<{ readonly adopted: Appliance; readonly peer: Appliance; readonly snapper: Snapper }> => {
  const adopted = await lab.adoptedAppliance({ rootAlone: true })
  await takeManyGenerations(adopted.root, { count, volumes: 1, standbys: true })
  const peer = await lab.adoptedAppliance()
  const snapper = await Snapper.make(peer)
  await snapper.fill(count)
  return { adopted, peer, snapper }
}
