import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildVendorRepository, sourcesList } from '../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../demo/vendor/repository-server.ts'
import { type BelayRepository, buildBelayRepository } from '../integration/belay/belay-package.ts'
import { quote } from './lab/guest.ts'
import { VirtualMachine } from './lab/virtual-machine.ts'
import { BelayInGuest, LONG_SECONDS } from './story/belay-in-guest.ts'

const VERSION = '0.1.0'

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

/** As if the power had failed at once: only what GRUB's own view of the disk shows counts, so the damage is settled first. */
const SETTLE = 'sync && fsfreeze -f /boot/grub && fsfreeze -u /boot/grub'

describe('A machine whose boot files are damaged', () => {
  let machine: VirtualMachine
  let belay: BelayInGuest
  let server: RepositoryServer
  let packages: BelayRepository
  let be: string

  beforeAll(async () => {
    const vendor = await buildVendorRepository()
    vendor.publish(['1.0.0'], { kernel: false, grub: false })
    server = await vendor.serve()
    packages = await buildBelayRepository([VERSION])
    machine = await VirtualMachine.make()
    belay = new BelayInGuest(machine)
    await machine.start()
    const sources = sourcesList(machine.addressOf(server.url)) + sourcesList(machine.addressOf(packages.server.url))
    await machine.must(`printf %s ${quote(sources)} >/etc/apt/sources.list && apt-get -q update && apt-get -q -y install belay`, {
      timeoutSeconds: LONG_SECONDS,
    })
    await belay.must("init --config /etc/acme --important 'acme-*' --yes")
    await machine.reboot()
    await belay.must('snapshot -m "a second version"')
    await machine.must('grub-install /dev/vda', { timeoutSeconds: LONG_SECONDS })
    be = (await belay.status()).running?.be ?? ''
    expect(await belay.findings()).toEqual([])
  }, 1_800_000)

  afterAll(async () => {
    await machine.close()
    await server.close()
    await packages.close()
  })

  it.each(Object.entries(DAMAGE))(
    'boots by itself with %s, and doctor mends it',
    async (_, damage) => {
      await machine.must(`cd /boot/grub && ${damage} && ${SETTLE}`)
      await machine.pressReset()
      expect((await belay.status()).running?.be).toBe(be)
      await belay.must('doctor --fix --yes')
      expect(await belay.findings()).toEqual([])
    },
    900_000,
  )

  it('boots by itself after a power cut in the middle of update-grub', async () => {
    for (const milliseconds of [500, 3000, 6000]) {
      await machine.must('nohup update-grub >/dev/null 2>&1 &')
      await machine.must(`sleep ${String(milliseconds / 1000)}`)
      await machine.powerCut()
      await machine.start()
      expect((await belay.status()).running?.be).toBe(be)
      expect(await belay.findings()).toEqual([])
    }
  }, 900_000)
})
