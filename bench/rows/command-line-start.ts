import type { Lab } from '../lab/lab.ts'
import { takeTurns } from '../lab/samples.ts'
import { timeCommand } from '../lab/timed-command.ts'
import { atMostMore, type Comparison } from '../report/comparison.ts'

/** What it costs to start belay at all. */
export const compareCommandLineStart = async (lab: Lab, rounds: number): Promise<Comparison[]> => {
  const { belay, node } = await takeTurns(
    {
      belay: { name: 'belay --version', measure: () => timeCommand(lab.belay('--version')) },
      node: { name: 'node -e 0', measure: () => timeCommand([process.execPath, '-e', '0']) },
    },
    { rounds, warmUp: true },
  )
  return [{ what: 'start of the command line', belay, other: node, target: atMostMore(50) }]
}
