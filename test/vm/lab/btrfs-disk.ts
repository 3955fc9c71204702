import { createAppliance, type ApplianceOptions } from '../../../demo/appliance/disk.ts'
import type { Appliance } from '../../../demo/appliance/appliance.ts'
import { INSTALLER_SUBVOLUME } from '../../../demo/appliance/template-image.ts'
import { prepareRoot } from './prepare-root.ts'

/**
 * Installs a machine with its root on btrfs: the appliance and the additions of the lab.
 * @param add what else its mounted root gets
 * @returns path of its raw image
 */
export async function installOnBtrfs(options: ApplianceOptions, add: (appliance: Appliance) => Promise<void> = () => Promise.resolve()): Promise<string> {
  const appliance = await createAppliance(options)
  await appliance.mountRoot(INSTALLER_SUBVOLUME)
  await prepareRoot(appliance, options.archive.suite)
  await add(appliance)
  await appliance.unmountRoot()
  return appliance.rawImage
}
