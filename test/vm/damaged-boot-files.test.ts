import { describe, expect } from 'vitest'
import { adoptedScenario } from './story/adopted-machine.ts'
import { BelayInGuest } from './story/belay-in-guest.ts'

/** Files of the GRUB partition, and what a power cut or a slip leaves of them. */
const DAMAGE = {
  'an empty grub.cfg': ': >grub.cfg',
  'a grub.cfg that breaks off': 'truncate -s 2500 grub.cfg',
  'an empty menu fragment': ': >belay/menu.cfg',
  'a menu fragment that breaks off': 'truncate -s 300 belay/menu.cfg',
  'an empty env block': ': >belay/env',
  'an env block that breaks off': 'truncate -s 100 belay/env',
  'an env block of junk': 'head -c 1024 /dev/urandom >belay/env',
} as const

/** The damage has to be on the disk where GRUB reads, which does not replay the journal. */
const SETTLE = 'sync && fsfreeze -f /boot/grub && fsfreeze -u /boot/grub'

/** Where in its work update-grub loses power: at the start, among the kernels, near the end. */
const CUT_AFTER_SECONDS = [0.5, 3, 6]

describe('A machine whose boot files are damaged', () => {
  const step = adoptedScenario()
  let be: string
  const expectSame = async (belay: BelayInGuest): Promise<void> => {
    expect((await belay.status()).running?.be).toBe(be)
  }

  step('has a second version to mistake for its own', async (machine) => {
    const belay = new BelayInGuest(machine)
    await belay.must('snapshot -m "a second version"')
    be = (await belay.status()).running?.be ?? ''
  })

  for (const [what, damage] of Object.entries(DAMAGE)) {
    step(`boots by itself with ${what}, and doctor mends it`, async (machine) => {
      const belay = new BelayInGuest(machine)
      await machine.must(`cd /boot/grub && ${damage} && ${SETTLE}`)
      await machine.pressReset()
      await expectSame(belay)
      await belay.must('doctor --fix')
      expect(await belay.findings()).toEqual([])
    })
  }

  for (const seconds of CUT_AFTER_SECONDS) {
    step(`boots by itself after the power was cut ${String(seconds)} s into update-grub`, async (machine) => {
      const belay = new BelayInGuest(machine)
      await machine.must(`nohup update-grub >/dev/null 2>&1 & sleep ${String(seconds)}`)
      await machine.powerCut()
      await machine.start()
      await expectSame(belay)
      expect(await belay.findings()).toEqual([])
    })
  }
})
