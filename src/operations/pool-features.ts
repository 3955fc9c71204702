import type { Index } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import type { Appliance } from './appliance.ts'

/** Pool features by the boot environment whose ZFS knows them; boot environments of which that is not known are left out. */
type KnownFeatures = ReadonlyMap<BeName, ReadonlySet<string>>

export const readKnownFeatures = async (appliance: Pick<Appliance, 'boot'>, index: Index): Promise<Map<BeName, ReadonlySet<string>>> => {
  const known = new Map<BeName, ReadonlySet<string>>()
  for (const { name } of index.bootEnvironments) {
    const features = await appliance.boot.poolFeaturesOf(name)
    if (features !== null) known.set(name, new Set(features))
  }
  return known
}

/** What the ZFS of each boot environment does not know of these features; those that know all are left out. */
export const lackingFeatures = (known: KnownFeatures, features: readonly string[]): ReadonlyMap<BeName, readonly string[]> => {
  const lacking = new Map<BeName, readonly string[]>()
  for (const [be, own] of known) {
    const unknown = features.filter((feature) => !own.has(feature))
    if (unknown.length > 0) lacking.set(be, unknown)
  }
  return lacking
}

/** Boot environments whose ZFS cannot import the pool as it is now, with the features that they lack. Nothing is read where pools have no features. */
export const findUnreadable = async ({ boot, driver }: Pick<Appliance, 'boot' | 'driver'>, index: Index): Promise<ReadonlyMap<BeName, readonly string[]>> => {
  const { active } = await driver.poolFeatures()
  return active.length === 0 ? new Map() : lackingFeatures(await readKnownFeatures({ boot }, index), active)
}
