import type { Lab } from '../lab/lab.ts'
import { fillRoot, rootBytes } from '../lab/fill-root.ts'
import { type Series, takeTurns } from '../lab/samples.ts'
import { atMostTimes, type Comparison } from '../report/comparison.ts'
import { takeRestorePoint } from './restore-point.ts'
import { rollBackAndReturn } from './rollback.ts'

const GIGABYTE = 1_000_000_000
const ADDED = 5 * GIGABYTE
const DISK = 10 * 1024 ** 3
const FLAT = 1.2

/** Two appliances that differ in how much their root holds: what belay does must not depend on it. */
export const compareRootSizes = async (lab: Lab, rounds: number): Promise<Comparison[]> => {
  const small = await lab.adoptedAppliance({ sizeBytes: DISK })
  const full = await lab.adoptedAppliance({ sizeBytes: DISK })
  await fillRoot(full, ADDED)
  const [of, than] = [await rootBytes(full), await rootBytes(small)].map((bytes) => `${(bytes / GIGABYTE).toFixed(1)} GB`)
  const series = await takeTurns(
    {
      snapshotOfFull: { name: 'belay snapshot', measure: () => takeRestorePoint(lab, full) },
      snapshotOfSmall: { name: `the same, ${String(than)}`, measure: () => takeRestorePoint(lab, small) },
      rollbackOnFull: { name: 'belay rollback', measure: () => rollBackAndReturn(lab, full) },
      rollbackOnSmall: { name: `the same, ${String(than)}`, measure: () => rollBackAndReturn(lab, small) },
    },
    { rounds, warmUp: true },
  )
  await lab.discard(full)
  await lab.discard(small)
  const row = (what: string, belay: Series, other: Series): Comparison => ({
    what: `${what}, root of ${String(of)}`,
    belay,
    other,
    target: { ...atMostTimes(FLAT), text: `flat: ≤ ${String(FLAT)} ×` },
  })
  return [row('restore point', series.snapshotOfFull, series.snapshotOfSmall), row('rollback', series.rollbackOnFull, series.rollbackOnSmall)]
}
