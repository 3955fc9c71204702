import type { DataVolume, Index } from '../snap/model.ts'
import type { BeName } from '../snap/names.ts'
import type { Appliance } from './appliance.ts'

interface Missing {
  readonly bootEnvironments: readonly BeName[]
  readonly data: readonly DataVolume[]
}

/**
 * What the index knows and the pools do not have by its name: somebody destroyed or renamed it. A boot environment is there when its root is: configuration that a purge
 * removed is made anew when the version is left. What may lie on a pool that is not imported is left out.
 */
export const findMissing = async ({ driver }: Pick<Appliance, 'driver'>, index: Index): Promise<Missing> => {
  const survey = await driver.survey()
  const absent = await driver.absentPools()
  const bootEnvironments: BeName[] = []
  for (const be of index.bootEnvironments) {
    const isNamed = survey.some(({ kind, name }) => kind === 'be' && name === be.name)
    const hasRoot = isNamed && (await driver.membersOf(be)).some(({ role }) => role === 'root')
    if (!hasRoot) bootEnvironments.push(be.name)
  }
  const isThere = (data: DataVolume): boolean => survey.some(({ kind, name, complete }) => kind === 'data' && name === data.name && complete)
  return { bootEnvironments, data: index.data.filter((data) => !absent.includes(data.volume.pool) && !isThere(data)) }
}
