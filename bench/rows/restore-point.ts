import type { Appliance } from '../../demo/appliance/appliance.ts'
import type { Lab } from '../lab/lab.ts'
import { takeTurns } from '../lab/samples.ts'
import { settle } from '../lab/settle.ts'
import type { StandingAppliance } from '../lab/standing-appliance.ts'
import { ahead, atMostMore, type Comparison } from '../report/comparison.ts'

/** Snapshots of root and configuration, a boot environment with its boot set, the records and the menu, all durable. */
export const takeRestorePoint = async (lab: Lab, appliance: Appliance): Promise<number> => {
  await settle(appliance)
  return lab.run(appliance, 'snapshot', '-m', 'measured')
}

export const compareRestorePoint = async (
  lab: Lab,
  { appliance, snapper, timeshift, rawSnapshot }: StandingAppliance,
  rounds: number,
): Promise<Comparison[]> => {
  const settled = (measure: () => Promise<number>) => async () => {
    await settle(appliance)
    return measure()
  }
  const { belay, raw, snapperCreate, timeshiftCreate } = await takeTurns(
    {
      belay: { name: 'belay snapshot', measure: () => takeRestorePoint(lab, appliance) },
      raw: { name: 'btrfs subvolume snapshot -r', measure: settled(rawSnapshot) },
      snapperCreate: { name: 'snapper --no-dbus create', measure: settled(() => snapper.create()) },
      timeshiftCreate: { name: 'timeshift --create (btrfs)', measure: settled(() => timeshift.btrfs.create()) },
    },
    { rounds, warmUp: true },
  )
  const what = 'restore point, complete'
  return [
    { what, belay, other: raw, target: atMostMore(150) },
    { what, belay, other: snapperCreate, target: null },
    { what, belay, other: timeshiftCreate, target: ahead },
  ]
}
