import { takeTurns } from '../lab/samples.ts'
import { ZfsMachine } from '../lab/zfs-machine.ts'
import type { Comparison } from '../report/comparison.ts'

const VOLUMES = 5

/** Restore point and list on a machine with its root on OpenZFS, beside what OpenZFS itself takes there. */
export const compareOnOpenZfs = async ({ count, rounds }: { readonly count: number; readonly rounds: number }): Promise<Comparison[]> => {
  await using machine = await ZfsMachine.adopted()
  const datasets = [await machine.datasetAt('/'), await machine.datasetAt('/etc/acme')]
  let taken = 0
  const rawSnapshot = (): Promise<number> => {
    taken += 1
    return machine.time('zfs', 'snapshot', ...datasets.map((dataset) => `${dataset}@raw-${String(taken)}`))
  }
  const point = await takeTurns(
    {
      belay: { name: 'belay snapshot', measure: () => machine.time('belay', 'snapshot', '-m', 'measured') },
      raw: { name: 'zfs snapshot of the same', measure: rawSnapshot },
    },
    { rounds, warmUp: true },
  )
  await machine.takeManyGenerations(count, VOLUMES)
  const list = await takeTurns(
    {
      belay: { name: 'belay list', measure: () => machine.time('belay', 'list') },
      raw: { name: 'zfs list -t snapshot', measure: () => machine.time('zfs', 'list', '-H', '-t', 'snapshot') },
      start: { name: 'belay --version', measure: () => machine.time('belay', '--version') },
    },
    { rounds, warmUp: true },
  )
  const many = `OpenZFS, emulated: list of ${count.toLocaleString('en')} × ${String(VOLUMES)} datasets`
  return [
    { what: 'OpenZFS, emulated: restore point, complete', belay: point.belay, other: point.raw, target: null },
    { what: many, belay: list.belay, other: list.raw, target: null },
    { what: many, belay: list.belay, other: list.start, target: null },
  ]
}
