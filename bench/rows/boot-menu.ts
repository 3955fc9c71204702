import { join } from 'node:path'
import { libexec } from '../../src/program-directory.ts'
import { openAppliance } from '../../src/runtime.ts'
import { takeTurns } from '../lab/samples.ts'
import { settle } from '../lab/settle.ts'
import { timeCommand } from '../lab/timed-command.ts'
import type { StandingAppliance } from '../lab/standing-appliance.ts'
import { atMostTimes, type Comparison } from '../report/comparison.ts'
import { FailedError } from '../../src/errors.ts'

/** The boot menu brought up to date: for belay inside its process, with the freeze and thaw that shows it to GRUB. */
export const compareBootMenu = async (standing: StandingAppliance, rounds: number): Promise<Comparison[]> => {
  const { appliance, close } = await openAppliance({ root: standing.appliance.root })
  try {
    const index = await appliance.index.read()
    const { choice } = await appliance.boot.readChoice()
    if (choice === null) throw new FailedError('no-choice', 'the appliance has no boot choice', { rebootRequired: false })
    const { belay, mkconfig, freeze } = await takeTurns(
      {
        belay: {
          name: 'menu.write',
          measure: async () => {
            await settle(standing.appliance)
            const began = performance.now()
            await appliance.boot.writeMenu(index, choice)
            return performance.now() - began
          },
        },
        mkconfig: { name: 'grub-mkconfig', measure: () => standing.snapper.grubMkconfig() },
        freeze: { name: 'freeze and thaw alone', measure: () => timeCommand([libexec('freeze-thaw'), join(standing.appliance.root, 'boot/grub')]) },
      },
      { rounds, warmUp: true },
    )
    const what = `boot menu of ${String(index.bootEnvironments.length)} versions brought up to date`
    return [
      { what, belay, other: mkconfig, target: atMostTimes(0.1) },
      { what, belay, other: freeze, target: null },
    ]
  } finally {
    await close()
  }
}
