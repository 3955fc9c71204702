import { describe, expect } from 'vitest'
import { adoptedScenario } from './story/adopted-machine.ts'
import { BelayInGuest } from './story/belay-in-guest.ts'

/** Files of the GRUB partition, and what a power cut or a slip leaves of them. */
const DAMAGE = {
  'an empty grub.cfg': ': >grub.cfg',
  'a grub.cfg that breaks off': 'truncate -s 2500 grub.cfg',
  'an empty menu fragment': ': >belay/menu.cfg',
  'a menu fragment that breaks off': 'truncate -s 300 belay/menu.cfg',
} as const

/** What is left of the env block while it says that another version is on trial. */
const ENV_DAMAGE = {
  empty: ': >belay/env',
  'cut off at 500 bytes': 'truncate -s 500 belay/env',
  'one byte short': 'truncate -s 1023 belay/env',
  junk: 'head -c 1024 /dev/urandom >belay/env',
  gone: 'rm belay/env',
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

  for (const [what, damage] of Object.entries(ENV_DAMAGE)) {
    step(`boots the confirmed version with an env block that is ${what}, and doctor mends it`, async (machine) => {
      const belay = new BelayInGuest(machine)
      await belay.must('rollback 2 --yes')
      expect((await belay.status()).next?.be).not.toBe(be)
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
