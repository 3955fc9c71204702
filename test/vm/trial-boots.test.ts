import { describe, expect } from 'vitest'
import type { Status } from '../../src/operations/read-status.ts'
import { quote } from './lab/guest.ts'
import type { VirtualMachine } from './lab/virtual-machine.ts'
import { adoptedScenario } from './story/adopted-machine.ts'
import { BelayInGuest } from './story/belay-in-guest.ts'
import { cellOfEnvironment, machineOf } from './story/cell.ts'
import { LONG_SECONDS } from './story/long-seconds.ts'
import { settle } from './story/settle.ts'

const options = machineOf(cellOfEnvironment())

/** A program of the vendor's that says whether the machine is healthy. */
const CHECK = '/etc/belay/health.d/50-scene'
const check = (text: string): string => `mkdir -p /etc/belay/health.d && printf '%s\\n' '#!/bin/sh' "${text}" >${CHECK} && chmod 755 ${CHECK}`

/** What makes a version sick, and what takes it back in the version that runs. */
interface Sickness {
  readonly make: string
  readonly undo: string
  /** What is done to the boot set of the version on trial, behind belay's checks of it. @param be its boot environment */
  readonly spoil?: (be: string) => string
  /** Words of the reason that is told after the fallback; null where GRUB alone saw the boots end. */
  readonly reason: string | null
}

/** A program that systemd starts early in the boot. */
const early = (...script: readonly string[]): Pick<Sickness, 'make' | 'undo'> => ({
  make: [
    `printf '%s\\n' '#!/bin/sh' ${script.map(quote).join(' ')} >/usr/local/sbin/scene`,
    "printf '%s\\n' '[Service]' 'ExecStart=/usr/local/sbin/scene' '[Install]' 'WantedBy=sysinit.target' >/etc/systemd/system/scene.service",
    'chmod 755 /usr/local/sbin/scene && systemctl enable scene.service',
  ].join(' && '),
  undo: 'systemctl disable scene.service && rm /etc/systemd/system/scene.service',
})

/** What the kernel unpacks last counts (initramfs/buffer-format.rst of the kernel): an empty file in place of the module that the root needs. */
const withoutModule = (be: string): string =>
  `cd "$(mktemp -d)" && initrd=/boot/grub/belay/be/${be}/initrd.img && lsinitramfs $initrd | grep '/${options.filesystem}\\.ko' >names && xargs dirname <names | xargs mkdir -p && xargs touch <names && cpio --quiet --create --format=newc <names >more && cat more >>$initrd && sync`

const SICK: Readonly<Record<string, Sickness>> = {
  'an application that crashes': {
    make: 'chmod -x /usr/lib/acme/acme-gatewayd',
    undo: 'chmod +x /usr/lib/acme/acme-gatewayd',
    reason: 'acme-gateway.service',
  },
  'a health check that hangs': { make: check('sleep infinity'), undo: `rm ${CHECK}`, reason: 'did not end within 20 seconds' },
  'a kernel that panics': {
    ...early('echo c >/proc/sysrq-trigger'),
    reason: null,
  },
  'no init': {
    // belay's part of an initrd joins it when it is built.
    make: 'update-initramfs -u && mv /usr/lib/systemd/systemd /usr/lib/systemd/systemd.away',
    undo: 'mv /usr/lib/systemd/systemd.away /usr/lib/systemd/systemd',
    reason: null,
  },
  'an initrd that cannot read the root': { make: 'true', undo: 'true', spoil: withoutModule, reason: null },
  // A program that no other gets the only processor from, process 1 included, once the watchdog is open.
  'a machine that hangs': {
    ...early(
      'until systemctl show --property=RuntimeWatchdogUSec --value | grep -q min; do sleep 1; done',
      'echo -1 >/proc/sys/kernel/sched_rt_runtime_us',
      "exec chrt --fifo 99 sh -c 'while :; do :; done'",
    ),
    reason: null,
  },
}

describe('The health gate of a machine', () => {
  const step = adoptedScenario({ ...options, hasWatchdog: true })

  const statusOf = (machine: VirtualMachine): Promise<Status> => new BelayInGuest(machine).status()

  const setPolicy = (machine: VirtualMachine, trial: string): Promise<string> =>
    machine.must(
      `awk '/^[a-z]/ { drop = /^(trial|health):/ } !drop' /etc/belay/config.yaml >/root/policy && cp /root/policy /etc/belay/config.yaml && printf '%s\\n' 'trial: {${trial}}' 'health: {units: [acme-gateway.service], timeLimit: 20}' >>/etc/belay/config.yaml && belay doctor --fix`,
      { timeoutSeconds: LONG_SECONDS },
    )

  /** A generation of what runs, with something that the version that runs has not. */
  const takeSick = async (machine: VirtualMachine, { make, undo }: Pick<Sickness, 'make' | 'undo'>): Promise<string> => {
    const belay = new BelayInGuest(machine)
    await machine.must(make, { timeoutSeconds: LONG_SECONDS })
    await belay.must('snapshot -m scene')
    await machine.must(undo)
    const { generations } = await belay.list()
    return String(Math.max(...generations.map(({ id }) => id)))
  }

  /** Puts a generation on trial, and waits until the machine is back in a boot environment by itself. */
  const tryUntilBackIn = async (machine: VirtualMachine, generation: string, be: string, spoil?: Sickness['spoil']): Promise<void> => {
    await new BelayInGuest(machine).must(`rollback ${generation} --yes`)
    const next = (await statusOf(machine)).next?.be ?? ''
    if (spoil !== undefined) await machine.must(spoil(next), { timeoutSeconds: LONG_SECONDS })
    await machine.goDown()
    await machine.arrive({ throughTrouble: true, timeoutSeconds: LONG_SECONDS })
    // A trial that comes up leaves by itself, under the shell's feet.
    while ((await statusOf(machine)).running?.be !== be) {
      await machine.goDown('sleep infinity', { timeoutSeconds: LONG_SECONDS })
      await machine.arrive({ throughTrouble: true, timeoutSeconds: LONG_SECONDS })
    }
    await settle(machine)
  }

  step('confirms a healthy version by itself', async (machine) => {
    await setPolicy(machine, 'attempts: 2, healthyBoots: 1, deadline: 1800')
    await machine.reboot()
    await settle(machine)
    const generation = await takeSick(machine, { make: 'true', undo: 'true' })
    await machine.rebootBy(`belay rollback ${generation} --yes --reboot`, { timeoutSeconds: LONG_SECONDS })
    await settle(machine)
    expect(await statusOf(machine)).toMatchObject({ running: { confirmed: true, why: 'confirmed' }, trial: null, failedTrial: null })
  })

  for (const [what, sickness] of Object.entries(SICK)) {
    step(`comes back by itself from a version with ${what}, and says why`, async (machine) => {
      const belay = new BelayInGuest(machine)
      const be = (await statusOf(machine)).running?.be ?? ''
      await tryUntilBackIn(machine, await takeSick(machine, sickness), be, sickness.spoil)
      const { running, failedTrial } = await statusOf(machine)
      expect(running).toMatchObject({ be, confirmed: true, why: 'fallback-from-trial' })
      const told = `${await belay.loginMessage()}${await machine.must('journalctl --boot --output=cat MESSAGE_ID=8b28fb92716458fdd03c5deb5e8a51bf')}`
      if (sickness.reason === null) expect(failedTrial).toBeNull()
      else expect([JSON.stringify(failedTrial), told]).toEqual([expect.stringContaining(sickness.reason), expect.stringContaining(sickness.reason)])
      await belay.must('confirm')
    })
  }

  step('goes on with a trial that is rebooted before its health was known, though it has one attempt', async (machine) => {
    await setPolicy(machine, 'attempts: 1, healthyBoots: 1, deadline: 1800')
    const slow = check('sleep 15')
    const generation = await takeSick(machine, { make: slow, undo: `rm ${CHECK}` })
    await machine.rebootBy(`belay rollback ${generation} --yes --reboot`, { timeoutSeconds: LONG_SECONDS })
    const be = (await statusOf(machine)).running?.be
    expect(await statusOf(machine)).toMatchObject({ running: { why: 'trial' }, trial: { attemptsLeft: 0 } })
    await machine.reboot()
    await settle(machine)
    expect(await statusOf(machine)).toMatchObject({ running: { be, confirmed: true, why: 'confirmed' }, trial: null, failedTrial: null })
    await machine.must(`rm ${CHECK}`)
  })

  step('comes back from a version whose check fails only on the second of two boots that are wanted', async (machine) => {
    await setPolicy(machine, 'attempts: 1, healthyBoots: 2, deadline: 1800')
    const be = (await statusOf(machine)).running?.be ?? ''
    const once = check('test ! -e /var/lib/scene || exit 1; touch /var/lib/scene')
    const generation = await takeSick(machine, { make: once, undo: `rm ${CHECK}` })
    await machine.rebootBy(`belay rollback ${generation} --yes --reboot`, { timeoutSeconds: LONG_SECONDS })
    await settle(machine)
    expect(await statusOf(machine)).toMatchObject({ running: { why: 'trial' }, trial: { healthyBoots: 1, wanted: 2, attemptsLeft: 1 } })
    await machine.goDown()
    await machine.arrive()
    while ((await statusOf(machine)).running?.be !== be) {
      await machine.goDown('sleep infinity', { timeoutSeconds: LONG_SECONDS })
      await machine.arrive()
    }
    expect(JSON.stringify((await statusOf(machine)).failedTrial)).toContain('50-scene ended with status 1')
    await new BelayInGuest(machine).must('confirm')
  })

  step('tells of a confirmed version that is sick, and leaves it running', async (machine) => {
    await machine.must(check('echo no answer; exit 3'))
    const { be } = (await statusOf(machine)).running ?? {}
    await machine.reboot()
    await settle(machine)
    expect(await statusOf(machine)).toMatchObject({ running: { be, why: 'confirmed', faults: [{ check: 'health.d/50-scene', lines: ['no answer'] }] } })
    expect(await new BelayInGuest(machine).loginMessage()).toContain('not healthy')
    expect(await machine.must('journalctl --boot --output=cat MESSAGE_ID=25fa6a01d8a36605eed680f2bd51582e')).toContain('50-scene')
    expect(await machine.run('belay health')).toMatchObject({ status: 10 })
  })

  step('ends reachable where the version that it comes back to is sick too', async (machine) => {
    const be = (await statusOf(machine)).running?.be ?? ''
    await tryUntilBackIn(machine, await takeSick(machine, { make: 'true', undo: 'true' }), be)
    expect(await statusOf(machine)).toMatchObject({
      running: { be, faults: [{ check: 'health.d/50-scene' }] },
      failedTrial: { faults: [{ check: 'health.d/50-scene' }] },
    })
    const booted = await machine.must('cat /proc/sys/kernel/random/boot_id')
    expect(await machine.run('systemctl start belay-fall-back.service')).toMatchObject({ status: 0 })
    expect(await machine.must('cat /proc/sys/kernel/random/boot_id')).toBe(booted)
  })
})
