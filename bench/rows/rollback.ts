import type { Appliance } from '../../demo/appliance/appliance.ts'
import type { Lab } from '../lab/lab.ts'
import { takeTurns } from '../lab/samples.ts'
import { settle } from '../lab/settle.ts'
import type { StandingAppliance } from '../lab/standing-appliance.ts'
import { ahead, type Comparison } from '../report/comparison.ts'

const FIRST = '1'
const RSYNC_ROUNDS = 2

/** From the command to the moment when the machine could be rebooted into the earlier version; belay then goes there and forward again, outside the measurement. */
export const rollBackAndReturn = async (lab: Lab, appliance: Appliance): Promise<number> => {
  const go = async (...args: string[]): Promise<number> => {
    await settle(appliance)
    const milliseconds = await lab.run(appliance, ...args, '--yes')
    await lab.reboot(appliance)
    await lab.run(appliance, 'confirm', '--yes')
    return milliseconds
  }
  const milliseconds = await go('rollback', FIRST)
  await go('forward')
  return milliseconds
}

export const compareRollback = async (lab: Lab, { appliance, snapper, timeshift }: StandingAppliance, rounds: number): Promise<Comparison[]> => {
  const settled = (measure: () => Promise<number>) => async () => {
    await settle(appliance)
    return measure()
  }
  await timeshift.btrfs.create()
  await snapper.create()
  const { belay, timeshiftRestore, snapperRollback } = await takeTurns(
    {
      belay: { name: 'belay rollback', measure: () => rollBackAndReturn(lab, appliance) },
      timeshiftRestore: { name: 'timeshift --restore (btrfs)', measure: settled(() => timeshift.btrfs.restore()) },
      snapperRollback: {
        name: 'snapper rollback, grub-mkconfig',
        measure: settled(async () => (await snapper.rollback()) + (await snapper.grubMkconfig())),
      },
    },
    { rounds, warmUp: false },
  )
  const what = 'rollback, ready to reboot'
  return [
    { what, belay, other: timeshiftRestore, target: ahead },
    { what, belay, other: snapperRollback, target: ahead },
  ]
}

/** timeshift's other mode copies files: some 15 s for the snapshot and as much for each restore. */
export const compareRollbackWithCopies = async (lab: Lab, { appliance, timeshift }: StandingAppliance): Promise<Comparison[]> => {
  await timeshift.rsync.create()
  const { belay, restore } = await takeTurns(
    {
      belay: { name: 'belay rollback', measure: () => rollBackAndReturn(lab, appliance) },
      restore: { name: 'timeshift --restore (rsync)', measure: () => timeshift.rsync.restore() },
    },
    { rounds: RSYNC_ROUNDS, warmUp: false },
  )
  return [{ what: 'rollback, ready to reboot', belay, other: restore, target: ahead }]
}
