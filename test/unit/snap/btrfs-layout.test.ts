import { describe, expect, it } from 'vitest'
import { BugError } from '../../../src/errors.ts'
import { containerOf } from '../../../src/snap/btrfs/layout.ts'
import { type BeName, beName } from '../../../src/snap/names.ts'

describe('the place of an object on btrfs', () => {
  it('follows from its kind and name', () => {
    expect(containerOf('be', beName(7))).toBe('@belay/be/be-000007')
  })

  it.each(['../state', 'be-000001/..', 'gen-000001', ''])('is not given to %j', (name) => {
    expect(() => containerOf('be', name as BeName)).toThrow(BugError)
  })
})
