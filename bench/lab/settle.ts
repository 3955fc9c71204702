import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { runTool } from '../../demo/run-tool.ts'
import { libexec } from '../../src/program-directory.ts'

/** Writes out what earlier measurements left in memory and in the journal of the GRUB partition, so that nobody pays for another's writes. */
export const settle = async (appliance: Appliance): Promise<void> => {
  await runTool('/usr/bin/sync', ['--file-system', appliance.root])
  await runTool(libexec('freeze-thaw'), [join(appliance.root, 'boot/grub')])
}
