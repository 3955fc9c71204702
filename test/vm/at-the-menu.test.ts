import { afterAll, beforeAll, describe, expect } from 'vitest'
import { buildVendorRepository, sourcesList } from '../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../demo/vendor/repository-server.ts'
import { withBelayArchive } from './lab/belay-archive.ts'
import { quote } from './lab/guest.ts'
import { scenario } from './lab/scenario.ts'
import { BelayInGuest, LONG_SECONDS } from './story/belay-in-guest.ts'
import { readMachineFacts } from './story/machine-facts.ts'

describe('a person at the boot menu of an adopted machine', () => {
  const step = scenario()
  let server: RepositoryServer

  beforeAll(async () => {
    const vendor = await buildVendorRepository()
    vendor.publish(['1.0.0'], { kernel: false, grub: false })
    server = await vendor.serve()
  }, 600_000)
  afterAll(() => server.close())

  step('finds belay’s menu after the package was installed and the machine adopted', async (machine) => {
    await machine.start()
    await machine.must(`printf %s ${quote(sourcesList(machine.addressOf(server.url)))} >/etc/apt/sources.list && apt-get -q update`, { timeoutSeconds: 300 })
    await withBelayArchive((archive) => machine.put(archive, '/root/belay.deb'))
    await machine.must('apt-get -q -y install /root/belay.deb', { timeoutSeconds: LONG_SECONDS })
    const belay = new BelayInGuest(machine)
    await belay.must("init --config /etc/acme --important 'acme-*' --yes")
    await machine.reboot()
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000001', confirmed: true } })
    expect(await belay.findings()).toEqual([])
  })

  step('starts the factory version with arrow keys, for one boot', async (machine) => {
    const belay = new BelayInGuest(machine)
    await machine.reboot({ pick: ['(factory)'] })
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000002', confirmed: false, why: 'picked' }, next: { be: 'be-000001' } })
    expect(await machine.must('systemctl is-system-running --wait >/dev/null; cat /run/motd.d/belay', { timeoutSeconds: 300 })).toContain('for this boot')
    await machine.reboot()
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000001', confirmed: true } })
  })

  step('stays with a picked version once it is confirmed', async (machine) => {
    const belay = new BelayInGuest(machine)
    await machine.reboot({ pick: ['(factory)'] })
    await belay.must('confirm')
    await machine.reboot()
    expect(await belay.status()).toMatchObject({ running: { be: 'be-000002', confirmed: true } })
    expect(await belay.findings()).toEqual([])
  })

  step('finds Debian’s own menu again after the package was removed', async (machine) => {
    await machine.must('apt-get -q -y remove belay', { timeoutSeconds: LONG_SECONDS })
    await machine.reboot()
    const is = await readMachineFacts(machine)
    expect(is).toMatchObject({ application: '1.0.0', commandLine: '', root: '/@belay/be/be-000002/root' })
  })
})
