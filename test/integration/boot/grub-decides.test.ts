import { describe, expect, it } from 'vitest'
import { grubCfg } from '../../../src/boot/grub-cfg.ts'
import { LAYOUT } from '../../../src/boot/grub-partition-layout.ts'
import { AWKWARD_ARGUMENTS, BOOT_VECTORS, predicted } from './boot-vectors.ts'
import { GrubMachine } from './grub-machine.ts'
import { vectorPartition } from './vector-partition.ts'

const CONFIGURATION = grubCfg({ timeoutSeconds: 0, terminal: { serial: { unit: 0, speed: 115200 } } })
const RESTARTS = 'Restarting in 10 seconds.'

describe('GRUB itself decides', () => {
  it.each(BOOT_VECTORS)('$title', async (vector) => {
    using machine = new GrubMachine(vectorPartition(vector, CONFIGURATION))
    const restarts = vector.boots.includes(null)
    const { boots, serial } = await machine.run({ boots: restarts ? 1 : vector.boots.length, ...(restarts ? { until: RESTARTS } : {}) })

    if (restarts) {
      expect(boots, serial).toEqual([])
      expect(serial).toContain(RESTARTS)
    } else {
      expect(boots, serial).toHaveLength(vector.boots.length)
      for (const [index, { commandLine, initrd }] of boots.entries()) {
        expect([vector.boots[index]].flat(), serial).toContain(initrd)
        const [image, ...words] = commandLine.split(' ')
        expect(image?.endsWith(`/${LAYOUT.bootEnvironments}/${initrd}/vmlinuz`)).toBe(true)
        expect(words).toEqual([...AWKWARD_ARGUMENTS, `belay.be=${initrd}`])
      }
    }
    // What GRUB left in the block is, byte for byte, what `status` expects.
    if (vector.env !== null) expect(machine.read(LAYOUT.env).equals(predicted(vector).env ?? Buffer.alloc(0))).toBe(true)
  })
})
