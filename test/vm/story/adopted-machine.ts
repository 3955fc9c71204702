import { afterAll, beforeAll, expect } from 'vitest'
import { buildVendorRepository, sourcesList, type VendorRepository } from '../../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../../demo/vendor/repository-server.ts'
import { withBelayArchive } from '../lab/belay-archive.ts'
import { quote } from '../lab/guest.ts'
import { scenario, type Step } from '../lab/scenario.ts'
import type { MachineOptions } from '../lab/virtual-machine.ts'
import { BelayInGuest } from './belay-in-guest.ts'
import { LONG_SECONDS } from './long-seconds.ts'

/** How the story's appliance is adopted. */
export const INIT = "init --config /etc/acme --data-format /usr/share/acme/data-format --important 'acme-*' --yes"

/**
 * A scenario whose first step installs the package on an appliance with application 1, adopts it and boots what init made.
 * @param knows the vendor's repository, before the first step
 */
export const adoptedScenario = (options: MachineOptions = {}, knows: (vendor: VendorRepository) => void = () => undefined): Step => {
  const step = scenario(options)
  const closing: (() => Promise<void>)[] = []
  let server: RepositoryServer

  beforeAll(async () => {
    const vendor = await buildVendorRepository({ zfs: options.filesystem === 'zfs', suite: options.suite ?? 'trixie' })
    vendor.publish(['1.0.0'], { kernel: false, grub: false })
    server = await vendor.serve()
    closing.push(() => server.close())
    knows(vendor)
  }, 1_800_000)
  afterAll(() => Promise.all(closing.map((close) => close())))

  step('takes the package, is adopted and boots its first version', async (machine) => {
    await machine.start()
    await machine.must(`printf %s ${quote(sourcesList(machine.addressOf(server.url)))} >/etc/apt/sources.list && apt-get -q update`, { timeoutSeconds: 300 })
    await withBelayArchive((archive) => machine.put(archive, '/root/belay.deb'))
    await machine.must('apt-get -q -y install /root/belay.deb', { timeoutSeconds: LONG_SECONDS })
    const belay = new BelayInGuest(machine)
    await belay.must(INIT)
    await machine.reboot()
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000001', confirmed: true } })
    expect(await belay.findings()).toEqual([])
  })
  return step
}
