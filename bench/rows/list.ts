import { appliancesWithManyVersions } from '../lab/many-versions.ts'
import type { Lab } from '../lab/lab.ts'
import { takeTurns } from '../lab/samples.ts'
import { atMost, type Comparison } from '../report/comparison.ts'

/** The list of all restore points, when there are a great many. */
export const compareList = async (lab: Lab, { count, rounds }: { readonly count: number; readonly rounds: number }): Promise<Comparison[]> => {
  const { adopted, snapper, peer } = await appliancesWithManyVersions(lab, count)
  const series = await takeTurns(
    {
      belay: { name: 'belay list', measure: () => lab.run(adopted, 'list') },
      snapper: { name: 'snapper --no-dbus list', measure: () => snapper.list() },
    },
    { rounds, warmUp: true },
  )
  await lab.discard(adopted)
  await lab.discard(peer)
  return [{ what: `list of ${count.toLocaleString('en')}`, belay: series.belay, other: series.snapper, target: atMost(100) }]
}
