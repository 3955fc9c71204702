import { join } from 'node:path'
import { attachAppliance, detachAppliance } from '../../demo/appliance/disk.ts'
import type { Machine } from '../integration/belay/machine.ts'
import { showLayer } from './storage-daemon.ts'

/**
 * Works with a machine whose disk begins as an image that stays as it is. The machine is attached and not mounted.
 * @param machine whose own disk is not attached
 * @param directory for the layer and for what is mounted
 * @param prepare what is written to the disk before it is attached
 */
export async function onLayer<Result>(
  machine: Machine,
  image: string,
  directory: string,
  work: (machine: Machine) => Promise<Result>,
  prepare: (disk: string) => Promise<void> = () => Promise.resolve(),
): Promise<Result> {
  const disk = join(directory, 'disk.raw')
  const shown = await showLayer(image, join(directory, 'layer.qcow2'), disk)
  try {
    await prepare(disk)
    const other = machine.on(await attachAppliance(machine.appliance, directory, disk))
    try {
      return await work(other)
    } finally {
      await detachAppliance(other.appliance)
    }
  } finally {
    await shown.close()
  }
}
