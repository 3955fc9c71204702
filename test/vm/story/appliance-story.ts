import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { z } from 'zod'
import { buildVendorRepository, sourcesList, type VendorRepository } from '../../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../../demo/vendor/repository-server.ts'
import { type BelayRepository, buildBelayRepository } from '../../integration/belay/belay-package.ts'
import { quote } from '../lab/guest.ts'
import { scenario } from '../lab/scenario.ts'
import type { MachineOptions, VirtualMachine } from '../lab/virtual-machine.ts'
import { INIT } from './adopted-machine.ts'
import { BelayInGuest } from './belay-in-guest.ts'
import { LONG_SECONDS } from './long-seconds.ts'
import { settle } from './settle.ts'
import { othersOf, readBootSets } from './boot-sets.ts'
import { type MachineFacts, readMachineFacts } from './machine-facts.ts'

const { version: ownVersion } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')))

/**
 * How much is told, each with all of those before it: `short`, up and back and forward; `quick`, all that the command line does to a machine; `full`, with the
 * initrds of each version built by hand (minutes each where the processor is emulated), arrow keys and the package's removal.
 */
const LENGTHS = ['short', 'quick', 'full'] as const
type Length = (typeof LENGTHS)[number]
const toldLength = z.enum(LENGTHS).parse(process.env['BELAY_STORY'] ?? 'full')
const isTold = (length: Length): boolean => LENGTHS.indexOf(length) <= LENGTHS.indexOf(toldLength)

const OLDER = '0.0.9'
const NEWER = ownVersion
/** Kernels of the release, and of its security archive. */
const KERNELS = { trixie: ['6.12.107', '6.12.117'], bookworm: ['6.1.0-50', '6.1.0-56'] } as const

/** What the boot menu writes is compared too: nothing but belay changes grub.cfg. */
type Version = Pick<MachineFacts, 'kernel' | 'modules' | 'application' | 'config' | 'service'>

const versionOf = ({ kernel, modules, application, config, service }: MachineFacts): Version => ({ kernel, modules, application, config, service })

/**
 * The whole story on one machine, by what a user installs and types: adopted, upgraded, taken back and forward, over many boots without a key pressed, and
 * some with. Each chapter goes on from the one before; when one fails, those behind it are skipped.
 */
export const tellStory = (title: string, options: MachineOptions): void => {
  const { suite = 'trixie' } = options
  const [releaseKernel, securityKernel] = KERNELS[suite]
  describe(title, () => {
    let machine: VirtualMachine
    let belay: BelayInGuest
    let vendor: VendorRepository
    let vendorServer: RepositoryServer
    let packages: BelayRepository
    const closing: (() => Promise<void>)[] = []
    let one: MachineFacts
    let two: MachineFacts
    let three: MachineFacts
    const step = scenario(options)
    const chapter = (length: Length, name: string, work: () => Promise<void>): void => {
      if (!isTold(length)) return
      step(name, async (own) => {
        machine = own
        belay = new BelayInGuest(own)
        await work()
      })
    }

    /** What runs, with all that holds in every version checked. */
    const facts = async (): Promise<MachineFacts> => {
      const is = await readMachineFacts(machine)
      expect(is.root).toContain(`/${is.commandLine}`)
      expect(is.modules).toBe(is.kernel)
      expect(is.configFilesystem).toBe('own')
      expect(is.machineId).toBe(one.machineId)
      expect(is.grubCfg).toBe(one.grubCfg)
      expect(is.data).toBe(one.data)
      expect((await belay.status()).running?.be).toBe(is.commandLine)
      return is
    }

    /** All that an administrator may call by hand, and what it must leave alone. */
    const workByHand = async ({ initrds = false } = {}): Promise<void> => {
      const is = await facts()
      const before = await readBootSets(machine)
      const next = (await belay.status()).next
      await machine.must('update-grub && grub-mkconfig -o /boot/grub/grub.cfg', { timeoutSeconds: LONG_SECONDS })
      if (initrds) await machine.must('update-initramfs -u -k all', { timeoutSeconds: LONG_SECONDS })
      const after = await readBootSets(machine)
      expect(othersOf(after, is.commandLine)).toEqual(othersOf(before, is.commandLine))
      await expectInitrdInStep(is)
      expect(await facts()).toEqual(is)
      expect((await belay.status()).next).toEqual(next)
      expect(await belay.findings()).toEqual([])
      expect(await machine.must('grep -c menuentry /boot/grub/belay/debian.cfg')).not.toBe('0\n')
    }

    /** The initrd that GRUB loads for what runs is the one that the running version's own tools built. */
    const expectInitrdInStep = async ({ commandLine, kernel }: MachineFacts): Promise<void> => {
      const stdout = await machine.must(`sha256sum </boot/initrd.img-${kernel}; sha256sum </boot/grub/belay/be/${commandLine}/initrd.img`)
      const [built, loaded] = stdout.split('\n')
      expect(loaded).toBe(built)
    }

    /** By hand, once the health gate is done, which confirms a healthy trial before. */
    const confirm = async (): Promise<void> => {
      await settle(machine)
      await belay.must('confirm')
    }

    beforeAll(async () => {
      vendor = await buildVendorRepository({ zfs: options.filesystem === 'zfs', suite })
      vendor.publish(['1.0.0'], { kernel: false, grub: false })
      vendorServer = await vendor.serve()
      closing.push(() => vendorServer.close())
      packages = await buildBelayRepository([OLDER, NEWER])
      closing.push(() => packages.close())
      packages.publish([OLDER])
    }, 1_800_000)

    afterAll(() => Promise.all(closing.map((close) => close())))

    chapter('short', 'boots as the installer left it, and takes the package', async () => {
      await machine.start()
      const sources = sourcesList(machine.addressOf(vendorServer.url)) + sourcesList(machine.addressOf(packages.server.url))
      await machine.must(`printf %s ${quote(sources)} >/etc/apt/sources.list && apt-get -q update && apt-get -q -y install belay`, {
        timeoutSeconds: LONG_SECONDS,
      })
      expect(await belay.version()).toBe(OLDER)
      expect((await belay.status()).initialised).toBe(false)
    })

    chapter('short', 'is adopted, in a new boot environment that the next boot starts', async () => {
      await belay.must(INIT)
      expect(await belay.findings()).toEqual([expect.stringMatching(/^reboot-pending: /)])
      await machine.reboot()
      one = await readMachineFacts(machine)
      expect(one).toMatchObject({ application: '1.0.0', service: 'active', config: 'interval=1', failedUnits: '' })
      expect(one.kernel).toContain(releaseKernel)
      expect(await facts()).toEqual(one)
      expect(await belay.findings()).toEqual([])
    })

    chapter('quick', 'is left alone by update-grub in the first version', () => workByHand())

    chapter('short', 'is upgraded to the security kernel, application 2 and a newer belay, and boots them with no key pressed', async () => {
      vendor.publish(['1.0.0', '2.0.0'])
      packages.publish([OLDER, NEWER])
      await belay.must('upgrade --with-data --yes')
      expect(await belay.findings()).toEqual([expect.stringMatching(/^reboot-pending: /)])
      await machine.reboot()
      two = await facts()
      expect(two).toMatchObject({ application: '2.0.0', service: 'active', failedUnits: '' })
      expect(two.kernel).toContain(securityKernel)
      expect(await belay.version()).toBe(NEWER)
      await confirm()
      expect(await belay.findings()).toEqual([])
    })

    chapter('quick', 'is left alone by update-grub and update-initramfs in the second version', () => workByHand({ initrds: isTold('full') }))

    chapter('short', 'goes back: old kernel, old application, old configuration, older belay, the data of now', async () => {
      await machine.rebootBy('belay rollback --reboot --yes', { timeoutSeconds: LONG_SECONDS })
      expect(versionOf(await facts())).toEqual(versionOf(one))
      expect(await belay.version()).toBe(OLDER)
      await confirm()
      expect(await belay.loginMessage()).toContain('belay forward')
    })

    chapter('quick', 'rebuilds its own initrd after going back, and no other', () => workByHand({ initrds: true }))

    chapter('short', 'goes forward: all is new again', async () => {
      await machine.rebootBy('belay forward --reboot --yes', { timeoutSeconds: LONG_SECONDS })
      expect(versionOf(await facts())).toEqual(versionOf(two))
      expect(await belay.version()).toBe(NEWER)
      await confirm()
      expect(await belay.loginMessage()).toBe('')
      expect(await belay.leftovers()).toBe('')
    })

    chapter('quick', 'loses the old kernel to apt autoremove, in this version alone', async () => {
      const before = await readBootSets(machine)
      await machine.must(`apt-mark auto 'linux-image-${one.kernel}' && apt-get -q -y -o APT::Protect-Kernels=false -o 'APT::NeverAutoRemove=' autoremove`, {
        timeoutSeconds: LONG_SECONDS,
      })
      // Ends when what apt did is closed.
      await machine.must('systemctl stop belay-upgrade.service', { timeoutSeconds: LONG_SECONDS })
      expect(await machine.run(`test -e /boot/vmlinuz-${one.kernel} -o -e /lib/modules/${one.kernel}/kernel`)).toMatchObject({ status: 1 })
      expect(othersOf(await readBootSets(machine), two.commandLine)).toMatchObject(othersOf(before, two.commandLine))
      expect(await belay.findings()).toEqual([])
    })

    chapter('quick', 'is upgraded to application 3, which asks for no reboot', async () => {
      await machine.must("sed -i 's/^interval=.*/interval=3/' /etc/acme/gateway.conf && systemctl restart acme-gateway")
      vendor.publish(['1.0.0', '2.0.0', '3.0.0'])
      await belay.must('upgrade --yes')
      three = await facts()
      expect(three).toMatchObject({ application: '3.0.0', service: 'active', config: 'interval=3', kernel: two.kernel })
      expect((await belay.status()).running?.confirmed).toBe(true)
      expect(await belay.findings()).toEqual([])
    })

    chapter('quick', 'is left alone by update-grub and update-initramfs in the third version', () => workByHand({ initrds: isTold('full') }))

    chapter('quick', 'goes back two versions at once, with the data that it reads, to a kernel that the newest one does not have any more', async () => {
      const id = String(await belay.generationWith('1.0.0'))
      expect(await machine.run(`belay rollback ${id} --yes`)).toMatchObject({ status: 10 })
      await machine.rebootBy(`belay rollback ${id} --with-data --reboot --yes`, { timeoutSeconds: LONG_SECONDS })
      expect(versionOf(await facts())).toEqual(versionOf(one))
      await confirm()
    })

    chapter('quick', 'keeps the newer configuration when asked', async () => {
      await machine.rebootBy('belay forward --reboot --yes', { timeoutSeconds: LONG_SECONDS })
      expect(versionOf(await facts())).toEqual(versionOf(three))
      await confirm()
      const id = String(await belay.generationWith('1.0.0'))
      await machine.rebootBy(`belay rollback ${id} --with-data --keep-config --reboot --yes`, { timeoutSeconds: LONG_SECONDS })
      await confirm()
      expect(await facts()).toMatchObject({ kernel: one.kernel, application: '1.0.0', config: 'interval=3' })
      expect(await belay.findings()).toEqual([])
    })

    chapter('full', 'boots a version picked with arrow keys once, and stays with it when that is confirmed', async () => {
      const stays = (await facts()).commandLine
      const third = `version ${String(await belay.generationWith('3.0.0'))}`
      await machine.reboot({ pick: [third] })
      const picked = await facts()
      expect(versionOf(picked)).toEqual(versionOf(three))
      expect(await belay.status()).toMatchObject({ running: { confirmed: false, why: 'picked' }, next: { be: stays } })
      expect(await belay.loginMessage()).toContain('for this boot')
      await machine.reboot()
      expect((await facts()).commandLine).toBe(stays)
      await machine.reboot({ pick: [third] })
      await confirm()
      await machine.reboot()
      expect((await facts()).commandLine).toBe(picked.commandLine)
      expect(await belay.findings()).toEqual([])
    })

    chapter('full', 'gets Debian’s own menu back when the package is removed', async () => {
      await machine.must('apt-get -q -y remove belay', { timeoutSeconds: LONG_SECONDS })
      await machine.reboot()
      const is = await readMachineFacts(machine)
      expect(is).toMatchObject({ kernel: three.kernel, application: '3.0.0', data: one.data, commandLine: '' })
      expect(is.root).toMatch(/\/be-\d{6}\b/)
    })
  })
}
