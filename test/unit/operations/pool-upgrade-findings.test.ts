import { describe, expect, it } from 'vitest'
import { poolFeatures } from '../../../src/operations/diagnosis/pool-checks.ts'
import type { PoolFeatures } from '../../../src/snap/driver.ts'
import type { Facts } from '../../../src/operations/diagnosis/finding.ts'
import { beName } from '../../../src/snap/names.ts'
import { MemoryAppliance } from '../../fakes/memory-appliance.ts'

const BASE = ['lz4_compress', 'large_dnode']

/** What doctor says of a pool, where the first boot environment's ZFS knows the base and the second's `longname` too. */
const findingsOf = async (features: Partial<PoolFeatures>): Promise<{ code: string; text: string }[]> => {
  const appliance = (await MemoryAppliance.initialised()).process()
  const index = await appliance.index.read()
  const [first] = index.bootEnvironments
  if (first === undefined) throw new Error('no boot environment')
  const [old, recent] = [beName(1), beName(2)]
  const facts = {
    index: {
      ...index,
      bootEnvironments: [
        { ...first, name: old },
        { ...first, name: recent },
      ],
    },
  } as unknown as Facts
  const driver = Object.assign(appliance.driver, { poolFeatures: () => Promise.resolve({ active: [], enabled: [], disabled: [], ...features }) })
  const boot = Object.assign(appliance.boot, { poolFeaturesOf: (be: string) => Promise.resolve(be === old ? BASE : [...BASE, 'longname']) })
  return (await poolFeatures({ ...appliance, driver, boot }, facts)).map(({ finding: { code, text } }) => ({ code, text }))
}

describe('doctor on the features of a pool', () => {
  it('says nothing while all versions know all that the pool may come to use', async () => {
    expect(await findingsOf({ active: BASE, enabled: ['lz4_compress'], disabled: [] })).toEqual([])
  })

  it.each([
    ['disabled', 'pool-upgrade'],
    ['enabled', 'pool-upgraded'],
    ['active', 'pool-features'],
  ] as const)('names the version that does not know a feature which is %s, once', async (state, code) => {
    const states = ['active', 'enabled', 'disabled'] as const
    const worse = Object.fromEntries(states.slice(states.indexOf(state)).map((each) => [each, ['longname']]))
    expect(await findingsOf(worse)).toEqual([{ code, text: expect.stringContaining('be-000001 (longname)') as string }])
  })
})
