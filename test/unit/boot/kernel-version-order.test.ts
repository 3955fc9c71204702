import { describe, expect, it } from 'vitest'
import { compareKernelVersions } from '../../../src/boot/kernel-version-order.ts'

/** As `linux-version sort` of linux-base 4.12 puts them. */
const SORTED = [
  '5.10.0-trunk-amd64',
  '5.10.0-1-amd64',
  '6.1.0-9-amd64',
  '6.1.0-50-amd64',
  '6.12-rc4-amd64',
  '6.12-amd64',
  '6.12.9-amd64',
  '6.12.10-amd64',
  '6.12.107',
  '6.12.107+deb13-amd64',
  '6.12.107+deb13-cloud-amd64',
  '6.12.107+deb13.1-amd64',
  '6.12.107-acme1',
  '6.12~rc4-amd64',
]

describe('kernel versions', () => {
  it('are put in the order of linux-version(1)', () => {
    expect(SORTED.toReversed().toSorted(compareKernelVersions)).toEqual(SORTED)
  })

  it('compare the same from either side', () => {
    for (const a of SORTED) for (const b of SORTED) expect(Math.sign(compareKernelVersions(a, b)) + Math.sign(compareKernelVersions(b, a))).toBe(0)
  })
})
