import { describe, expect, it } from 'vitest'
import { BOOT_VECTORS, predicted } from '../../integration/boot/boot-vectors.ts'

describe('what boots, told from the files', () => {
  it.each(BOOT_VECTORS)('$title', (vector) => {
    const { boots } = predicted(vector)
    expect(boots).toHaveLength(vector.boots.length)
    for (const [index, be] of boots.entries()) expect([vector.boots[index]].flat()).toContain(be)
  })
})
