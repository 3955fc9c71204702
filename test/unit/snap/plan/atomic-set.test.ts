import { expect, it } from 'vitest'
import { isAtomicSet } from '../../../../src/snap/plan/atomic-set.ts'

it.each([
  ['one member', ['a'], false, true],
  ['several members where they are taken one after the other', ['a', 'a'], false, false],
  ['several members of a pool where they are taken at once', ['a', 'a'], true, true],
  ['members of two pools, which are taken one after the other', ['a', 'a', 'b'], true, false],
])('%s: of one instant or not', (_, pools, atomicSets, expected) => {
  expect(isAtomicSet(pools, atomicSets)).toBe(expected)
})
