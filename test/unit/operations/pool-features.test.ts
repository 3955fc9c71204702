import { describe, expect, it } from 'vitest'
import { lackingFeatures } from '../../../src/operations/pool-features.ts'
import { beName } from '../../../src/snap/names.ts'

describe('pool features that a boot environment lacks', () => {
  const [old, recent] = [beName(1), beName(2)]
  const known = new Map([
    [old, new Set(['lz4_compress', 'large_dnode'])],
    [recent, new Set(['lz4_compress', 'large_dnode', 'longname'])],
  ])

  it('are those in use that its ZFS does not know', () => {
    expect(lackingFeatures(known, ['lz4_compress', 'longname'])).toEqual(new Map([[old, ['longname']]]))
  })

  it('are none while all know all', () => {
    expect(lackingFeatures(known, ['large_dnode'])).toEqual(new Map())
    expect(lackingFeatures(new Map(), ['longname'])).toEqual(new Map())
  })
})
