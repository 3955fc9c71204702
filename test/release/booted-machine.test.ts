import { afterAll, beforeAll, describe, expect } from 'vitest'
import { findDebianArchive, releaseSource, securitySource } from '../../demo/debian-archive.ts'
import { buildVendorRepository, sourcesList } from '../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../demo/vendor/repository-server.ts'
import { withBelayArchive } from '../vm/lab/belay-archive.ts'
import { quote } from '../vm/lab/guest.ts'
import { scenario } from '../vm/lab/scenario.ts'
import type { VirtualMachine } from '../vm/lab/virtual-machine.ts'
import { INIT } from '../vm/story/adopted-machine.ts'
import { BelayInGuest } from '../vm/story/belay-in-guest.ts'
import { LONG_SECONDS } from '../vm/story/long-seconds.ts'
import { readMachineFacts } from '../vm/story/machine-facts.ts'
import { type ArchiveProxy, serveArchives } from './archive-proxy.ts'

/** Some 200 packages on an emulated processor. */
const UPGRADE_SECONDS = 3 * 60 * 60

const RELEASES = {
  12: { codename: 'bookworm', kernel: /^6\.1\./, systemd: /^252\./ },
  13: { codename: 'trixie', kernel: /^6\.12\./, systemd: /^257\./ },
} as const

describe('a machine of Debian 12 that boots', () => {
  const step = scenario({ suite: 'bookworm' })
  let vendor: RepositoryServer
  let archives: ArchiveProxy
  let first: { readonly data: string; readonly machineId: string }

  beforeAll(async () => {
    const repository = await buildVendorRepository({ suite: 'bookworm' })
    repository.publish(['1.0.0'], { kernel: false, grub: false })
    vendor = await repository.serve()
    archives = await serveArchives(await findDebianArchive())
  }, 600_000)
  afterAll(async () => {
    await vendor.close()
    await archives.close()
  })

  /** What runs is one release from the kernel to the last package, and nothing is amiss. */
  const expectRelease = async (machine: VirtualMachine, version: 12 | 13): Promise<void> => {
    const { codename, kernel, systemd } = RELEASES[version]
    const belay = new BelayInGuest(machine)
    const is = await readMachineFacts(machine)
    const init = await machine.must('readlink /proc/1/exe; systemctl show --property=Version --value; cat /etc/os-release; dpkg --audit; apt-cache policy')
    console.log(
      `Debian ${String(version)}: kernel ${is.kernel}, init ${init.split('\n', 2).join(' ')}, acme-gateway ${is.application} ${is.service}, root ${is.root}`,
    )
    expect(is).toMatchObject({
      ...first,
      modules: is.kernel,
      application: '1.0.0',
      service: 'active',
      config: 'interval=1',
      configFilesystem: 'own',
      failedUnits: '',
    })
    expect(is.kernel).toMatch(kernel)
    expect(is.root).toContain(`/${is.commandLine}`)
    expect(init.split('\n')[1]).toMatch(systemd)
    expect(init).toContain(`VERSION_CODENAME=${codename}`)
    expect(await belay.status()).toMatchObject({ running: { be: is.commandLine, confirmed: true } })
    // Debian 13 keeps its record of logins in a directory that nobody gave a volume.
    expect((await belay.findings()).filter((finding) => !finding.startsWith('in-root: /var/lib/'))).toEqual([])
  }

  const restart = async (machine: VirtualMachine): Promise<void> => {
    await machine.reboot()
    const belay = new BelayInGuest(machine)
    if ((await belay.status()).running?.confirmed === false) await belay.must('confirm')
  }

  step('takes the package and is adopted', async (machine) => {
    await machine.start()
    const debian = await findDebianArchive()
    const sources = `${releaseSource(debian, 'bookworm')}\n${securitySource(debian, 'bookworm')}\n`
    const proxy = `Acquire::http::Proxy "${machine.addressOf(archives.url)}";\nAcquire::http::Proxy::10.0.2.2 "DIRECT";\n`
    await machine.must(`printf %s ${quote(sources)} >/etc/apt/sources.list && printf %s ${quote(proxy)} >/etc/apt/apt.conf.d/90proxy`)
    await machine.must(`printf %s ${quote(sourcesList(machine.addressOf(vendor.url)))} >/etc/apt/sources.list.d/vendor.list`)
    await machine.must('apt-get -q update', { timeoutSeconds: LONG_SECONDS })
    await withBelayArchive((archive) => machine.put(archive, '/root/belay.deb'))
    await machine.must('apt-get -q -y install /root/belay.deb', { timeoutSeconds: LONG_SECONDS })
    await new BelayInGuest(machine).must(INIT)
    await machine.reboot()
    const { data, machineId } = await readMachineFacts(machine)
    first = { data, machineId }
    await expectRelease(machine, 12)
  })

  step('becomes Debian 13', async (machine) => {
    await machine.must('belay upgrade --release trixie --yes', { timeoutSeconds: UPGRADE_SECONDS })
    await restart(machine)
    await expectRelease(machine, 13)
  })

  step('goes back to Debian 12', async (machine) => {
    await new BelayInGuest(machine).must('rollback --yes')
    await restart(machine)
    await expectRelease(machine, 12)
  })

  step('goes forward to Debian 13 again', async (machine) => {
    await new BelayInGuest(machine).must('forward --yes')
    await restart(machine)
    await expectRelease(machine, 13)
  })
})
