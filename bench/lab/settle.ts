import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/disk.ts'
import { runTool } from '../../demo/run-tool.ts'

/** Writes out what earlier measurements left in memory, so that nobody pays for another's writes. */
export const settle = async (appliance: Appliance): Promise<void> => {
  for (const path of [appliance.root, join(appliance.root, 'boot/grub')]) await runTool('/usr/bin/sync', ['--file-system', path])
}
