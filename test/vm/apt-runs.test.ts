import { afterAll, beforeAll, describe, expect } from 'vitest'
import { sourcesList } from '../../demo/vendor/repository.ts'
import { type AptRepository, FRONT_ENDS, LIBC, serveAptRepository } from './apt-runs/apt-repository.ts'
import { ENDLESS, ENDLESS_PIPE, FIRMWARE, PARTS, SINGLES } from './apt-runs/small-packages.ts'
import { quote } from './lab/guest.ts'
import type { VirtualMachine } from './lab/virtual-machine.ts'
import { adoptedScenario } from './story/adopted-machine.ts'
import { BelayInGuest } from './story/belay-in-guest.ts'
import { cellOfEnvironment, machineOf } from './story/cell.ts'
import { LONG_SECONDS } from './story/long-seconds.ts'
import { settle } from './story/settle.ts'

const LONG = { timeoutSeconds: LONG_SECONDS }
const INSTALL = 'DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install'
const CONFIG = '/etc/acme/gateway.conf'
/** Whatever belay does to the machine is a line more, what it takes back too. */
const AUDIT_LOG = '/var/lib/belay/audit.jsonl'

const allOf = (names: readonly string[], version: string): Record<string, string> => Object.fromEntries(names.map((name) => [name, version]))
const FIRST = allOf([...PARTS, ...SINGLES, FIRMWARE, ENDLESS], '1')
const SECOND = { ...FIRST, ...allOf(PARTS, '2') }

/** What each front end is called to install one package. */
const BY_FRONT_END: Readonly<Record<string, string>> = {
  'apt-get': 'apt-get -q -y install acme-by-apt-get',
  apt: 'apt -q -y install acme-by-apt',
  aptitude: 'aptitude -q -y install acme-by-aptitude',
  PackageKit: 'pkcon --noninteractive --plain install acme-by-packagekit',
}

/** What does not change packages, or not by apt. */
const UNSEEN: Readonly<Record<string, string>> = {
  'apt-get -s': 'apt-get -q -s install acme-by-dpkg',
  'apt-get -d': 'apt-get -q -y -d install acme-by-dpkg',
  'unattended-upgrade --dry-run': 'unattended-upgrade --dry-run',
  'dpkg -i': 'dpkg -i /var/cache/apt/archives/acme-by-dpkg_1_all.deb',
}

describe('Runs of apt in a machine', () => {
  const step = adoptedScenario(machineOf(cellOfEnvironment()))
  let repository: AptRepository
  let be = ''
  let newest = 0

  beforeAll(async () => {
    repository = await serveAptRepository()
  }, 1_800_000)
  afterAll(() => repository.server.close())

  const offer = async (machine: VirtualMachine, own: Readonly<Record<string, string>>, options?: { readonly libc: boolean }): Promise<void> => {
    repository.publish(own, options)
    await machine.must(`printf %s ${quote(sourcesList(machine.addressOf(repository.server.url)))} >/etc/apt/sources.list && apt-get -q update`, LONG)
  }

  /** Waits until the unit that closes runs of apt has ended, well. */
  const closed = (machine: VirtualMachine): Promise<string> =>
    machine.must(
      'pid=$(systemctl show --property=MainPID --value belay-upgrade.service); [ "$pid" = 0 ] || tail --pid="$pid" -f /dev/null; ! systemctl --quiet is-failed belay-upgrade.service',
      LONG,
    )

  /** Texts of the restore points since the last question, the oldest first. */
  const newRestorePoints = async (machine: VirtualMachine): Promise<string[]> => {
    const { generations } = await new BelayInGuest(machine).list()
    const since = generations.filter(({ id }) => id > newest).toSorted((a, b) => a.id - b.id)
    newest = Math.max(newest, ...since.map(({ id }) => id))
    return since.map(({ text }) => text).filter((text) => text.startsWith('before '))
  }

  const versionOf = (machine: VirtualMachine, ...names: readonly string[]): Promise<string> =>
    machine.must(`dpkg-query --show --showformat='\${Version} \${db:Status-Status}\\n' ${names.join(' ')} | sort -u`)

  /** All is closed and confirmed: the next boot starts what runs. */
  const expectConfirmed = async (machine: VirtualMachine): Promise<void> => {
    const belay = new BelayInGuest(machine)
    expect(await belay.status()).toMatchObject({
      running: { be, confirmed: true },
      choice: { good: be, trial: null, once: null },
      session: null,
      aptRun: null,
      unguarded: [],
      rebootRequired: false,
    })
    expect(await belay.findings()).toEqual([])
  }

  /** All is closed, and what runs waits for its first boot. */
  const expectOnTrial = async (machine: VirtualMachine): Promise<void> => {
    const belay = new BelayInGuest(machine)
    const status = await belay.status()
    expect(status).toMatchObject({ running: { be }, next: { be }, choice: { trial: be }, session: { operation: 'apt', phase: 'trial' }, rebootRequired: true })
    expect(status.choice?.good).toBe(status.session?.fallback)
    expect(await belay.findings()).toEqual([expect.stringMatching(/^reboot-pending: /)])
  }

  step('is brought front ends of apt', async (machine) => {
    be = (await new BelayInGuest(machine).status()).running?.be ?? ''
    // An emulated machine on busy processors is slow.
    await machine.must(`sed -i 's/^  timeLimit: 60$/  timeLimit: 600/' /etc/belay/config.yaml && grep -q '^  timeLimit: 600$' /etc/belay/config.yaml`)
    await offer(machine, FIRST)
    await machine.must(`${INSTALL} ${[...FRONT_ENDS, ...PARTS, FIRMWARE].join(' ')}`, LONG)
    await machine.must(`printf '%s\\n' 'Unattended-Upgrade::Origins-Pattern { "origin=Acme"; };' >/etc/apt/apt.conf.d/52acme`)
    await closed(machine)
    expect(await newRestorePoints(machine)).toEqual([expect.stringMatching(/^before apt run of /)])
    await expectConfirmed(machine)
  })

  step('takes no restore point for what only looks, nor for dpkg', async (machine) => {
    await offer(machine, SECOND)
    for (const [what, script] of Object.entries(UNSEEN)) {
      const before = await machine.must(`sha256sum ${AUDIT_LOG}`)
      await machine.must(script, LONG)
      await closed(machine)
      expect({ what, audit: await machine.must(`sha256sum ${AUDIT_LOG}`) }).toEqual({ what, audit: before })
    }
    expect(await versionOf(machine, ...PARTS)).toBe('1 installed\n')
    expect(await versionOf(machine, 'acme-by-dpkg')).toBe('1 installed\n')
  })

  step('takes one restore point for all the steps of unattended-upgrades', async (machine) => {
    const runs = Number(await machine.must('grep -c " startup archives unpack" /var/log/dpkg.log'))
    await machine.must('unattended-upgrade', LONG)
    await closed(machine)
    expect(Number(await machine.must('grep -c " startup archives unpack" /var/log/dpkg.log'))).toBe(runs + PARTS.length)
    expect(await versionOf(machine, ...PARTS)).toBe('2 installed\n')
    expect(await newRestorePoints(machine)).toEqual([expect.stringMatching(/^before apt run of acme-part-/)])
    await expectConfirmed(machine)
  })

  step('takes one for each front end', async (machine) => {
    for (const [name, script] of Object.entries(BY_FRONT_END)) {
      await machine.must(script, LONG)
      await closed(machine)
      const installed = script.split(' ').at(-1) ?? ''
      expect(await versionOf(machine, installed)).toBe('1 installed\n')
      expect({ name, taken: await newRestorePoints(machine) }).toEqual({ name, taken: [`before apt run of ${installed}`] })
      await expectConfirmed(machine)
    }
  })

  step('closes the run of an apt that was killed behind dpkg', async (machine) => {
    // A child of apt's runs its hooks (RunScripts in fileutl.cc, apt 2.6.1 and 3.0.3): its parent is apt itself.
    const hook = 'DPkg::Post-Invoke { "kill -9 $(cut -d \' \' -f 4 /proc/$PPID/stat)"; };'
    await machine.must(`printf '%s\\n' ${quote(hook)} >/etc/apt/apt.conf.d/99scene`)
    expect(await machine.run('apt-get -q -y install acme-killed', LONG)).toMatchObject({ status: 137 })
    await machine.must('rm /etc/apt/apt.conf.d/99scene')
    await closed(machine)
    expect(await versionOf(machine, 'acme-killed')).toBe('1 installed\n')
    expect(await newRestorePoints(machine)).toEqual(['before apt run of acme-killed'])
    await expectConfirmed(machine)
  })

  step('keeps a newer libc on trial until the reboot that was asked for, whose health confirms it', async (machine) => {
    await offer(machine, SECOND, { libc: true })
    // Debian's libc6 asks nobody; on a machine with a program that watches for what still runs the older one, that program does.
    await machine.must(`printf '%s\\n' 'DPkg::Post-Invoke { "touch /run/reboot-required"; };' >/etc/apt/apt.conf.d/99scene`)
    await machine.must(`${INSTALL} ${LIBC.join(' ')}`, LONG)
    await machine.must('rm /etc/apt/apt.conf.d/99scene')
    await closed(machine)
    await expectOnTrial(machine)
    await machine.reboot()
    await settle(machine)
    expect(await versionOf(machine, ...LIBC)).toMatch(/^\S+\+acme1 installed\n$/)
    expect(await newRestorePoints(machine)).toEqual([expect.stringMatching(/^before apt run of /)])
    await expectConfirmed(machine)
  })

  for (const version of ['2', '3', '4'])
    step(`is in firmware ${version} in the morning, when unattended-upgrades has rebooted it at night`, async (machine) => {
      await offer(machine, { ...SECOND, [FIRMWARE]: version })
      await machine.must(`printf '%s\\n' 'Unattended-Upgrade::Automatic-Reboot "true";' >/etc/apt/apt.conf.d/53acme`)
      await machine.rebootBy('unattended-upgrade', LONG)
      await settle(machine)
      expect(await versionOf(machine, FIRMWARE)).toBe(`${version} installed\n`)
      expect(await newRestorePoints(machine)).toEqual([`before apt run of ${FIRMWARE} ${version}`])
      await expectConfirmed(machine)
    })

  step('comes up in the newer version, with that day’s configuration, when the power fails while a reboot is pending', async (machine) => {
    await offer(machine, { ...SECOND, [FIRMWARE]: '5' })
    await machine.must(`apt-get -q -y install ${FIRMWARE}`, LONG)
    await closed(machine)
    await expectOnTrial(machine)
    await machine.must(`sed -i 's/^interval=.*/interval=5/' ${CONFIG} && sync`)
    await machine.powerCut()
    await machine.start()
    await settle(machine)
    expect(await versionOf(machine, FIRMWARE)).toBe('5 installed\n')
    expect(await machine.must(`grep ^interval ${CONFIG}`)).toBe('interval=5\n')
    await expectConfirmed(machine)
  })

  step('comes up in the untouched version when the power fails while apt works, and names what was left', async (machine) => {
    const belay = new BelayInGuest(machine)
    await machine.must(`mkfifo ${ENDLESS_PIPE} && systemd-run --quiet apt-get -q -y install ${ENDLESS} && read -r _ <${ENDLESS_PIPE}`, LONG)
    await machine.must(`sed -i 's/^interval=.*/interval=6/' ${CONFIG} && sync`)
    const { session } = await belay.status()
    expect(session).toMatchObject({ operation: 'apt', phase: 'armed', be })
    await machine.powerCut()
    await machine.start()
    await settle(machine)
    expect(await machine.run(`dpkg-query --show ${ENDLESS}`)).toMatchObject({ status: 1 })
    expect(await machine.must(`grep ^interval ${CONFIG}`)).toBe('interval=5\n')
    expect(await belay.status()).toMatchObject({
      running: { be: session?.fallback, why: 'fallback-from-upgrade' },
      session: { phase: 'failed', be },
      torn: { be },
    })
    expect(await belay.findings()).toEqual([expect.stringMatching(/^fell-back: /)])
    const told = await belay.loginMessage()
    expect(told).toContain(`before the apt run of ${ENDLESS}`)
    expect(told).toMatch(new RegExp(`root and the configuration of ${be} since .* is kept with ${be}`))
  })
})
