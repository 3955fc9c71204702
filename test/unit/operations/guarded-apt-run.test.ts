import { describe, expect, it } from 'vitest'
import { nextBoot } from '../../../src/boot/boot-choice.ts'
import type { Appliance } from '../../../src/operations/appliance.ts'
import { closeUpgrade } from '../../../src/operations/close-upgrade.ts'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { diagnose } from '../../../src/operations/diagnosis/diagnose.ts'
import { ToolError } from '../../../src/errors.ts'
import { guardAptRun } from '../../../src/operations/guard-apt-run.ts'
import { reportHealth } from '../../../src/operations/health/report-health.ts'
import { readStatus } from '../../../src/operations/read-status.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import { takeSnapshot } from '../../../src/operations/take-snapshot.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import { Policy } from '../../../src/policy/policy.ts'
import { MemoryAppliance, UNITS, quietly } from '../../fakes/memory-appliance.ts'
import { MemoryUnits } from '../../fakes/memory-units.ts'
import type { Offer } from '../../fakes/small-packages.ts'

const HOOK_INPUT = 'VERSION 3\nCommandLine::AsString=apt-get%20install%20gateway\n\ngateway 1 amd64 none < 2 amd64 none /gateway.deb\n'
const OFFER: Offer = { kernel: false, dataFormat: null, failure: 'none' }

const started = async (): Promise<MemoryAppliance> => {
  const machine = await MemoryAppliance.initialised()
  await recordBoot(machine.process())
  return machine
}
const guard = (machine: MemoryAppliance, more: Partial<Appliance> = {}, text = HOOK_INPUT) => guardAptRun({ ...machine.process(), ...more }, text, quietly)
const nextOf = ({ partition: { choice } }: MemoryAppliance) => (choice === null ? null : nextBoot(choice).be)
const close = (machine: MemoryAppliance) => closeUpgrade(machine.process(), quietly)
const codesOf = async (machine: MemoryAppliance, more: Partial<Appliance> = {}) =>
  (await diagnose({ ...machine.process(), ...more })).flatMap(({ finding: { code } }) => (code === 'in-root' ? [] : [code]))
const withPolicy = (apt: object): Partial<Appliance> => ({
  policy: Policy.parse({ format: 1, apt, space: { marginMiB: 0, reserveMiB: 0, grubReserveMiB: 0 } }),
})
const upgrade = async (machine: MemoryAppliance, offer: Offer): Promise<void> => {
  machine.packages.offer = offer
  for (const run of await machine.packages.order(await machine.packages.simulate())) await machine.packages.apply(run).catch(() => undefined)
}

describe('a run of apt that belay did not start', () => {
  it('is armed before dpkg, and confirmed at its end where nothing asks for a reboot', async () => {
    const machine = await started()
    expect(await guard(machine)).toMatchObject({ outcome: 'guarded', generation: 2 })
    expect(nextOf(machine)).toBe('be-000003')
    expect(machine.aptRuns.note).toMatchObject({ pid: 4711, until: 'process' })
    await upgrade(machine, OFFER)
    expect((await close(machine)).closed).toMatchObject([{ operation: 'apt', outcome: 'done' }])
    expect(nextOf(machine)).toBe('be-000001')
    const index = await machine.process().index.read()
    expect(index.session).toBeNull()
    expect(index.generations.map(({ reason }) => reason.text)).toEqual([expect.any(String), 'before apt run of gateway 2', 'after apt run of gateway 2'])
    expect(machine.aptRuns.note).toBeNull()
    expect(await codesOf(machine)).toEqual([])
  })

  it('waits for its reboot with a new kernel, and further runs join the same restore point', async () => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, { ...OFFER, kernel: true })
    expect((await close(machine)).session).toMatchObject({ phase: 'trial' })
    machine.aptRuns.program = { pid: 5000, startTime: '200', until: 'process' }
    expect(await guard(machine)).toMatchObject({ outcome: 'joined', generation: 2 })
    expect(nextOf(machine)).toBe('be-000003')
    await upgrade(machine, OFFER)
    expect((await close(machine)).session).toMatchObject({ phase: 'trial' })
    expect((await machine.process().index.read()).generations).toHaveLength(2)
    expect(await machine.reboot()).toBe('be-000001')
    await confirmVersion(machine.process(), quietly)
    expect((await machine.process().index.read()).session).toBeNull()
  })

  it('that joins an upgrade by belay is closed like one of its own', async () => {
    const machine = await started()
    machine.packages.offer = { ...OFFER, kernel: true }
    await upgradePackages(machine.process(), { packages: [], release: null, withData: false, quiesce: false, refresh: false }, quietly)
    expect((await machine.process().index.read()).session).toMatchObject({ operation: 'upgrade', phase: 'trial' })
    expect(await guard(machine)).toMatchObject({ outcome: 'joined', generation: 2 })
    expect(nextOf(machine)).toBe('be-000003')
    await upgrade(machine, OFFER)
    expect(await close(machine)).toMatchObject({ closed: [{ operation: 'apt', outcome: 'done' }], session: { phase: 'trial' } })
    expect(nextOf(machine)).toBe('be-000001')
    expect(await machine.reboot()).toBe('be-000001')
    await recordBoot(machine.process())
    await confirmVersion(machine.process(), quietly)
    expect((await machine.process().index.read()).session).toBeNull()
  })

  it('is flagged when packages are broken, and the untouched version is next; apt may mend it', async () => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, { ...OFFER, failure: 'in dpkg' })
    expect(await close(machine)).toMatchObject({ closed: [{ outcome: 'escaped' }], session: { phase: 'failed' } })
    expect(nextOf(machine)).toBe('be-000003')
    expect(await guard(machine)).toMatchObject({ outcome: 'joined', generation: 2 })
    await machine.packages.install(machine.pool.at('be/be-000001/root'))
    expect((await close(machine)).closed).toMatchObject([{ outcome: 'done' }])
    expect(nextOf(machine)).toBe('be-000001')
  })

  it('leaves nothing behind when apt gives up before dpkg', async () => {
    const machine = await started()
    const before = await machine.process().index.read()
    await guard(machine)
    expect((await close(machine)).closed).toMatchObject([{ outcome: 'done' }])
    const after = await machine.process().index.read()
    expect({ ...after, revision: 0, next: 0 }).toEqual({ ...before, revision: 0, next: 0 })
    expect(nextOf(machine)).toBe('be-000001')
  })

  it('is closed by the next operation of belay too, once its owner is gone', async () => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, OFFER)
    await takeSnapshot(machine.process(), { text: 'by hand', withData: false, keep: false, quiesce: false }, quietly)
    expect((await machine.process().index.read()).session).toBeNull()
  })

  it('that a power cut ended is flagged by the next boot, which runs the untouched version', async () => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, { ...OFFER, failure: 'in dpkg' })
    expect(await machine.reboot()).toBe('be-000003')
    await recordBoot(machine.process())
    expect((await close(machine)).session).toMatchObject({ phase: 'failed' })
    expect(await codesOf(machine)).toEqual(['fell-back', 'torn'])
    await confirmVersion(machine.process(), quietly)
    expect(await codesOf(machine)).toEqual(['torn'])
  })
})

describe('a result that asks for no reboot', () => {
  const sickFor = async (milliseconds: number) => {
    const machine = await started()
    await reportHealth(machine.process(), 'gate', quietly)
    await guard(machine)
    await upgrade(machine, OFFER)
    machine.units.broke.add(UNITS.gateway)
    const { clock } = machine
    const began = clock.now().getTime()
    const pause = async (time: number): Promise<void> => {
      await clock.pause(time)
      if (clock.now().getTime() - began >= milliseconds) machine.units.broke.clear()
    }
    const closed = await closeUpgrade({ ...machine.process(), clock: { now: () => clock.now(), pause } }, quietly)
    return { machine, closed, waited: clock.now().getTime() - began }
  }

  it('is confirmed once the machine is healthy', async () => {
    const { closed, waited } = await sickFor(20_000)
    expect([closed.session, waited]).toEqual([null, 20_000])
  })

  it('stays on trial while the machine is sick, which is told; the next boot judges it', async () => {
    const { machine, closed, waited } = await sickFor(Number.POSITIVE_INFINITY)
    expect(closed).toMatchObject({ closed: [{ outcome: 'done' }], session: { phase: 'trial' } })
    expect(waited).toBe(30_000)
    expect(machine.log.entries.map(({ message }) => message)).toContainEqual(expect.stringContaining(`units: ${UNITS.gateway} has failed`))
    expect(await machine.reboot()).toBe('be-000001')
    await recordBoot(machine.process())
    machine.units.broke.add(UNITS.gateway)
    expect(await reportHealth(machine.process(), 'gate', quietly)).toMatchObject({ verdict: 'fall-back' })
    expect(nextOf(machine)).toBe('be-000003')
  })

  it('stays on trial while the machine goes down, without a look at what is stopped', async () => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, OFFER)
    const units = new MemoryUnits({})
    units.underWay = () => Promise.resolve(['shutdown.target'])
    expect((await closeUpgrade({ ...machine.process(), units }, quietly)).session).toMatchObject({ phase: 'trial' })
  })

  it.each(['mounted', 'in a chroot'])('is confirmed as it is where no systemd can be asked: %s', async (where) => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, OFFER)
    const refusing = new MemoryUnits({})
    refusing.underWay = () => Promise.reject(new ToolError('systemctl', [], 1, 'System has not been booted with systemd'))
    expect((await closeUpgrade({ ...machine.process(), units: where === 'mounted' ? null : refusing }, quietly)).session).toBeNull()
  })
})

describe('after a failure that GRUB went back from', () => {
  /** The first run is cut off by a power cut; what runs is its untouched version. */
  const cutOff = async (settles: boolean): Promise<MemoryAppliance> => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, { ...OFFER, failure: 'in dpkg' })
    expect(await machine.reboot()).toBe('be-000003')
    if (settles) await recordBoot(machine.process())
    await close(machine)
    return machine
  }

  it.each([true, false])('the next run has a restore point of its own, and nobody has to confirm (recorded at boot: %s)', async (settles) => {
    const machine = await cutOff(settles)
    expect((await machine.process().index.read()).session).toMatchObject({ phase: 'failed', be: 'be-000001' })
    expect(await guard(machine)).toMatchObject({ outcome: 'guarded' })
    const armed = await machine.process().index.read()
    expect(armed.session).toMatchObject({ operation: 'apt', phase: 'armed', be: 'be-000003' })
    expect(armed.session?.generation).not.toBe(2)
    expect(nextOf(machine)).toBe(armed.session?.fallback)
    expect(armed.bootEnvironments.find(({ name }) => name === 'be-000001')?.tornAt).toEqual(expect.any(String))
    // The first restore point can be started as it was, whatever becomes of what runs.
    expect(armed.bootEnvironments.filter(({ standsFor }) => standsFor === 2).map(({ name, startedAs }) => [name, startedAs])).toEqual([
      [expect.not.stringMatching('be-000003'), undefined],
    ])
    await upgrade(machine, OFFER)
    expect((await close(machine)).closed).toMatchObject([{ outcome: 'done' }])
    expect(nextOf(machine)).toBe('be-000003')
    expect((await machine.process().index.read()).session).toBeNull()
    expect(await codesOf(machine)).toEqual(['torn'])
    expect(await machine.reboot()).toBe('be-000003')
  })

  it('a run that changes nothing leaves what runs as what GRUB starts', async () => {
    const machine = await cutOff(true)
    await guard(machine)
    await close(machine)
    expect(nextOf(machine)).toBe('be-000003')
    expect(await codesOf(machine)).toEqual(['torn'])
  })

  it('a further power cut goes back to the second restore point', async () => {
    const machine = await cutOff(true)
    await guard(machine)
    const fallback = nextOf(machine)
    await upgrade(machine, { ...OFFER, failure: 'in dpkg' })
    expect(await machine.reboot()).toBe(fallback)
    await recordBoot(machine.process())
    expect((await close(machine)).session).toMatchObject({ phase: 'failed' })
    expect(await guard(machine)).toMatchObject({ outcome: 'guarded' })
  })

  it('an upgrade by hand is still refused', async () => {
    const machine = await cutOff(true)
    const options = { packages: [], release: null, withData: false, quiesce: false, refresh: false }
    await expect(upgradePackages(machine.process(), options, quietly)).rejects.toMatchObject({ code: 'session/failed' })
  })
})

describe('while apt is at work', () => {
  it('nothing is closed, and status and doctor say so', async () => {
    const machine = await started()
    await guard(machine)
    const alive = { isAlive: () => Promise.resolve(true) }
    await expect(closeUpgrade({ ...machine.process(), ...alive }, quietly)).rejects.toMatchObject({ exitCode: 11 })
    expect(await readStatus({ ...machine.process(), ...alive })).toMatchObject({
      aptRun: { text: 'the apt run of gateway 2', pid: 4711, atWork: true },
      rebootRequired: false,
    })
    expect(await codesOf(machine, alive)).toEqual(['under-way'])
    expect(await codesOf(machine)).toEqual(['interrupted'])
    machine.aptRuns.holder = 99
    await expect(close(machine)).rejects.toMatchObject({ exitCode: 11 })
    machine.aptRuns.holder = null
    // A service lives on; what counts is dpkg's lock.
    machine.aptRuns.program = { pid: 4711, startTime: '100', until: 'lock' }
    await guard(machine)
    expect((await closeUpgrade({ ...machine.process(), ...alive }, quietly)).closed).toHaveLength(1)
  })
})

describe('a run of apt that asks for nothing', () => {
  it.each([
    ['is a dry run', HOOK_INPUT.replace('CommandLine', 'Debug::pkgDPkgPM=1\nCommandLine'), {}],
    ['changes no package that policy names', HOOK_INPUT, { packages: ['linux-*', 'acme-*'] }],
  ])('%s', async (_name, text, apt) => {
    const machine = await started()
    expect(await guard(machine, withPolicy(apt), text)).toMatchObject({ outcome: 'not-asked' })
    expect((await machine.process().index.read()).generations).toHaveLength(1)
  })
})

describe('while another operation of belay holds the lock', () => {
  const lockedFor = async (milliseconds: number) => {
    const machine = await started()
    const appliance = machine.process()
    const { lock, stateDirectory, actor, clock } = appliance
    const held = await lock.acquire(`${stateDirectory}/lock`, { actor, operation: 'snapshot', brief: false })
    const began = clock.now().getTime()
    const waited = () => clock.now().getTime() - began
    const pause = async (time: number): Promise<void> => {
      await clock.pause(time)
      if (waited() >= milliseconds) await held.release()
    }
    return { machine, waited, part: { lock, clock: { now: () => clock.now(), pause } } }
  }

  it('apt waits for its end', async () => {
    const { machine, waited, part } = await lockedFor(7000)
    expect(await guard(machine, part)).toMatchObject({ outcome: 'guarded' })
    expect(waited()).toBe(7000)
  })

  it('apt waits no longer than leaves time for an answer', async () => {
    const { machine, waited, part } = await lockedFor(Number.POSITIVE_INFINITY)
    expect(await guard(machine, { ...part, ...withPolicy({ timeLimit: 20 }) })).toMatchObject({ outcome: 'unguarded' })
    expect(waited()).toBe(16_000)
    await expect(guard(machine, { ...part, ...withPolicy({ onFailure: 'block' }) })).rejects.toMatchObject({ code: 'locked', exitCode: 30 })
  })
})

describe('without a restore point', () => {
  const NO_ROOM = { onFailure: 'continue-and-flag' }

  it('apt goes on, flagged until there is one', async () => {
    const machine = await started()
    machine.aptRuns.program = null
    expect(await guard(machine, withPolicy(NO_ROOM))).toMatchObject({ outcome: 'unguarded', generation: null })
    const { unguarded } = await readStatus(machine.process())
    expect(unguarded).toMatchObject([{ summary: 'apt-get install gateway', why: expect.stringContaining('cannot be told') as unknown }])
    expect(await codesOf(machine)).toEqual(['unguarded'])
    machine.clock.advance(1000)
    await takeSnapshot(machine.process(), { text: 'after apt', withData: false, keep: false, quiesce: false }, quietly)
    expect(await codesOf(machine)).toEqual([])
  })

  it('and without room to note that down, apt goes on all the same', async () => {
    const machine = await started()
    machine.aptRuns.program = null
    const { audit } = machine.process()
    audit.append = () => Promise.reject(new Error('ENOSPC'))
    expect(await guard(machine, { ...withPolicy(NO_ROOM), audit })).toMatchObject({ outcome: 'unguarded' })
    expect(machine.log.entries.at(-1)).toMatchObject({ level: 'warn', facts: { what: 'apt-get install gateway', error: 'Error: ENOSPC' } })
  })

  it('belay can be removed', async () => {
    const machine = await started()
    const removal = HOOK_INPUT.replace(/gateway .*/, 'belay 1 amd64 none > - - none **REMOVE**')
    expect(await guard(machine, withPolicy({ onFailure: 'block' }), removal)).toMatchObject({ outcome: 'unguarded' })
    expect((await machine.process().index.read()).session).toBeNull()
  })

  it('apt stops where policy says so', async () => {
    const machine = await started()
    machine.aptRuns.program = null
    await expect(guard(machine, withPolicy({ onFailure: 'block' }))).rejects.toMatchObject({ code: 'apt/no-owner', exitCode: 30 })
    expect((await readStatus(machine.process())).unguarded).toEqual([])
  })

  it('a trial has a word of its own', async () => {
    const machine = await started()
    await guard(machine)
    await upgrade(machine, { ...OFFER, kernel: true })
    await close(machine)
    await machine.reboot()
    await recordBoot(machine.process())
    await expect(guard(machine)).rejects.toMatchObject({ code: 'apt/unverified', exitCode: 30 })
    expect(await guard(machine, withPolicy({ duringTrial: 'continue-and-flag', onFailure: 'block' }))).toMatchObject({ outcome: 'unguarded' })
  })
})
