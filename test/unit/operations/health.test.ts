import { describe, expect, it } from 'vitest'
import type { Appliance } from '../../../src/operations/appliance.ts'
import { confirmVersion } from '../../../src/operations/confirm-version.ts'
import { endIncompleteTrial } from '../../../src/operations/health/judge-this-boot.ts'
import { type GatePart, reportHealth } from '../../../src/operations/health/report-health.ts'
import { readStatus } from '../../../src/operations/read-status.ts'
import { recordBoot } from '../../../src/operations/record-boot.ts'
import { switchVersion } from '../../../src/operations/switch-version.ts'
import { upgradePackages } from '../../../src/operations/upgrade-packages.ts'
import { Policy } from '../../../src/policy/policy.ts'
import type { BeName } from '../../../src/snap/names.ts'
import type { ProgramEnd } from '../../../src/sys/ports.ts'
import { MOUNTS, MemoryAppliance, UNITS, quietly } from '../../fakes/memory-appliance.ts'
import { MemorySystemJournal } from '../../fakes/memory-system-journal.ts'

const DIRECTORY = '/etc/belay/health.d'
const written = new Map([[UNITS.gateway, ['starting', 'cannot read the data']]])

/** A machine whose health can be looked at; `with` changes what a process of it has. */
const machineWithHealth = async () => {
  const machine = await MemoryAppliance.initialised()
  const journal = new MemorySystemJournal(written)
  const process = (changes: Partial<Appliance> = {}): Appliance => ({ ...machine.process(), systemJournal: journal, ...changes })
  const run = (part: GatePart | null, changes: Partial<Appliance> = {}) => reportHealth(process(changes), part, quietly)
  const faults = async (changes: Partial<Appliance> = {}) =>
    (await run(null, changes)).checks.flatMap(({ healthy, check, text }) => (healthy ? [] : [`${check}: ${text}`]))
  /** Off and on again, with what the units do in each boot. */
  const reboot = async (): Promise<void> => {
    await machine.reboot()
    await recordBoot(process())
  }
  const upgradeAndReboot = async (): Promise<void> => {
    machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none' }
    await upgradePackages(machine.process(), { packages: [], release: null, withData: false, quiesce: false, refresh: false }, quietly)
    await reboot()
  }
  await recordBoot(process())
  return { machine, journal, process, run, faults, reboot, upgradeAndReboot }
}

const policyWith = (health: Record<string, unknown>, trial: Record<string, unknown> = {}): Policy =>
  Policy.parse({ format: 1, config: ['/etc/app'], packages: {}, space: { marginMiB: 0, reserveMiB: 0, grubReserveMiB: 0 }, health, trial })

describe('health', () => {
  it('counts a unit that failed unless it had failed in a confirmed boot before, with the last that it wrote', async () => {
    const { machine, run, faults } = await machineWithHealth()
    machine.units.broke.add(UNITS.report)
    expect(await faults()).toEqual([])
    await run('gate')
    machine.units.broke.add(UNITS.gateway)
    expect(await faults()).toEqual([`units: ${UNITS.gateway} has failed`])
    expect((await run(null)).checks.find(({ healthy }) => !healthy)?.lines).toEqual([`${UNITS.gateway}: starting`, `${UNITS.gateway}: cannot read the data`])
    machine.units.broke.add('belay-health.service')
    expect(await faults()).toHaveLength(1)
  })

  it('counts what policy names: units that are not active, and a route out', async () => {
    const { machine, faults } = await machineWithHealth()
    expect(await faults({ policy: policyWith({ units: [UNITS.gateway, UNITS.report], network: 'default-route' }) })).toEqual([
      `health.units: ${UNITS.report} is not active`,
      'network: there is no default route',
    ])
    await machine.files.makeDirectory('/proc/net')
    await machine.files.writeAtomic(
      '/proc/net/route',
      'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\n',
    )
    expect(await faults({ policy: policyWith({ network: 'default-route' }) })).toEqual([])
  })

  it.each([
    ['a root whose filesystem turned read-only', MOUNTS.replace('sda2 rw', 'sda2 ro,errors=remount-ro'), '/ can only be read'],
    ['data that is not mounted', MOUNTS.replace('/srv/files', '/srv/file'), '/srv/files is not mounted'],
    ['data that is mounted read-only', MOUNTS.replace('/srv/files rw', '/srv/files ro'), '/srv/files can only be read'],
  ])('counts %s', async (_, mounts, text) => {
    const { machine, faults } = await machineWithHealth()
    await machine.files.writeAtomic('/proc/1/mountinfo', mounts)
    expect(await faults()).toEqual([`writable: ${text}`])
  })

  it('runs programs in the order of their names, and counts those that fail, hang, or are not root’s alone', async () => {
    const { machine, run } = await machineWithHealth()
    await machine.files.makeDirectory(DIRECTORY)
    const modes = { '10-app': 0o755, '20-late': 0o755, '30-loose': 0o757, '40-well': 0o755, README: 0o644, '50-old.dpkg-old': 0o755 }
    for (const [name, mode] of Object.entries(modes)) await machine.files.writeAtomic(`${DIRECTORY}/${name}`, '#!/bin/sh\n', mode)
    const ends: Readonly<Record<string, ProgramEnd>> = {
      '10-app': { status: 3, late: false, lines: ['no answer on port 80'] },
      '20-late': { status: null, late: true, lines: [] },
      '40-well': { status: 0, late: false, lines: ['fine'] },
    }
    const ran: string[] = []
    const foreignPrograms = {
      run: (path: string): Promise<ProgramEnd> => {
        const name = path.slice(DIRECTORY.length + 1)
        ran.push(name)
        return Promise.resolve(ends[name] ?? { status: 0, late: false, lines: [] })
      },
    }
    const { checks } = await run(null, { foreignPrograms, policy: policyWith({ timeLimit: 7 }) })
    expect(ran).toEqual(['10-app', '20-late', '40-well'])
    expect(checks.filter(({ check }) => check.startsWith('health.d'))).toMatchObject([
      { check: 'health.d/10-app', healthy: false, text: `${DIRECTORY}/10-app ended with status 3`, lines: ['no answer on port 80'] },
      { check: 'health.d/20-late', healthy: false, text: `${DIRECTORY}/20-late did not end within 7 seconds` },
      { check: 'health.d/30-loose', healthy: false, text: `${DIRECTORY}/30-loose can be written by others than root` },
      { check: 'health.d/40-well', healthy: true },
    ])
  })
})

describe('the gate', () => {
  it('confirms a healthy trial once the boot is complete', async () => {
    const { machine, run, upgradeAndReboot } = await machineWithHealth()
    await run('gate')
    await upgradeAndReboot()
    expect(await run('gate')).toMatchObject({ healthy: true, verdict: 'confirm' })
    expect((await machine.process().boot.readChoice()).choice).toMatchObject({ trial: 'be-000001' })
    await run('passed')
    expect((await machine.process().boot.readChoice()).choice).toEqual({ good: 'be-000001', trial: null, attemptsLeft: 0, once: null })
  })

  it('wants two healthy boots in a row where policy says so, and a reboot between them takes no attempt', async () => {
    const { machine, run, reboot, upgradeAndReboot } = await machineWithHealth()
    const policy = policyWith({}, { healthyBoots: 2, attempts: 1 })
    await upgradeAndReboot()
    for (const times of [1, 2]) {
      await run('gate', { policy })
      await run('passed', { policy })
      expect((await readStatus({ ...machine.process(), policy })).trial, `after ${String(times)} calls in one boot`).toEqual({
        be: 'be-000001',
        attemptsLeft: 1,
        healthyBoots: 1,
        wanted: 2,
      })
    }
    await reboot()
    expect((await readStatus({ ...machine.process(), policy })).trial).toMatchObject({ attemptsLeft: 0, healthyBoots: 1 })
    await run('gate', { policy })
    await run('passed', { policy })
    expect((await machine.process().boot.readChoice()).choice).toMatchObject({ good: 'be-000001', trial: null })
  })

  it('counts healthy boots in a row alone: one that crashed between begins the count anew', async () => {
    const { machine, process, run, reboot, upgradeAndReboot } = await machineWithHealth()
    const policy = policyWith({}, { healthyBoots: 2, attempts: 3 })
    const healthy = async (): Promise<void> => {
      await run('gate', { policy })
      await run('passed', { policy })
    }
    await upgradeAndReboot()
    await healthy()
    await machine.reboot()
    await reboot()
    expect((await readStatus({ ...process(), policy })).trial).toMatchObject({ healthyBoots: 0 })
    await healthy()
    expect((await process().boot.readChoice()).choice).toMatchObject({ trial: 'be-000001', attemptsLeft: 3 })
    await reboot()
    expect(await run('ending', { policy })).toMatchObject({ verdict: 'wait' })
    await reboot()
    await healthy()
    expect((await process().boot.readChoice()).choice).toMatchObject({ good: 'be-000001', trial: null })
  })

  it('confirms no trial by itself whose records cannot be read; a person can', async () => {
    const { machine, process, run, upgradeAndReboot } = await machineWithHealth()
    await upgradeAndReboot()
    await machine.files.writeAtomic(`${process().stateDirectory}/index.json`, '{')
    expect(await run('passed')).toMatchObject({ verdict: 'report' })
    const report = await run('gate')
    expect(report).toMatchObject({ healthy: false, verdict: 'fall-back' })
    expect(report.checks.filter(({ healthy }) => !healthy)).toMatchObject([{ check: 'records', text: 'be-000001 is on trial, and its records cannot be read' }])
    expect((await process().boot.readChoice()).choice).toMatchObject({ trial: 'be-000001', attemptsLeft: 0 })
    await confirmVersion(process(), quietly)
    expect((await process().boot.readChoice()).choice).toMatchObject({ good: 'be-000001', trial: null })
    expect((await run(null)).checks.map(({ check }) => check)).not.toContain('records')
  })

  it('judges nothing and uses no attempt up once it is told to end: the shutdown ended its programs, not the version', async () => {
    const { machine, process, run, upgradeAndReboot } = await machineWithHealth()
    await run('gate')
    await upgradeAndReboot()
    const before = (await process().boot.readChoice()).choice
    const interrupted = new AbortController()
    const conversation = { ...quietly, signal: interrupted.signal }
    await machine.files.makeDirectory(DIRECTORY)
    await machine.files.writeAtomic(`${DIRECTORY}/10-app`, '#!/bin/sh\n', 0o755)
    const foreignPrograms = {
      run: (): Promise<ProgramEnd> => {
        interrupted.abort()
        return Promise.resolve({ status: null, late: false, lines: [] })
      },
    }
    await expect(reportHealth(process({ foreignPrograms }), 'gate', conversation)).rejects.toMatchObject({ code: 'interrupted' })
    await expect(reportHealth(process(), 'incomplete', conversation)).rejects.toMatchObject({ code: 'interrupted' })
    await expect(reportHealth(process(), 'passed', conversation)).rejects.toMatchObject({ code: 'interrupted' })
    expect((await process().boot.readChoice()).choice).toEqual(before)
    expect(await run('ending')).toMatchObject({ verdict: 'wait' })
  })

  it('closes an upgrade that was rolled back from, once what runs is healthy', async () => {
    const { machine, process, run, reboot, upgradeAndReboot } = await machineWithHealth()
    await run('gate')
    await upgradeAndReboot()
    await switchVersion(process(), { direction: 'rollback', id: null, keepConfig: false, withData: false, once: false, force: false }, quietly)
    expect(await run('gate'), 'before its boot').toMatchObject({ verdict: 'report' })
    await reboot()
    expect(await readStatus(process())).toMatchObject({ running: { be: 'be-000003', why: 'rolled-back' }, session: { phase: 'trial' } })
    machine.units.broke.add(UNITS.gateway)
    expect(await run('gate')).toMatchObject({ verdict: 'report' })
    expect((await process().index.read()).session).not.toBeNull()
    machine.units.broke.clear()
    expect(await run('gate')).toMatchObject({ verdict: 'confirm' })
    expect(await readStatus(process())).toMatchObject({ running: { be: 'be-000003', why: 'confirmed' }, session: null, upgrade: { accepted: true } })
  })

  it('leaves what a person chose for one boot', async () => {
    const { process, run, upgradeAndReboot } = await machineWithHealth()
    await upgradeAndReboot()
    await switchVersion(process(), { direction: 'rollback', id: 1, keepConfig: false, withData: false, once: true, force: true }, quietly)
    await run('gate')
    await run('passed')
    expect((await process().boot.readChoice()).choice).toEqual({ good: 'be-000001', trial: null, attemptsLeft: 0, once: 'be-000002' })
  })

  it('does not confirm a trial that GRUB fell back from, although it is well when somebody picks it later', async () => {
    const { machine, process, run, reboot, upgradeAndReboot } = await machineWithHealth()
    await upgradeAndReboot()
    for (const be of ['be-000001', 'be-000001', 'be-000003']) expect(await machine.reboot()).toBe(be)
    await recordBoot(process())
    expect(await readStatus(process())).toMatchObject({ running: { why: 'fallback-from-trial' }, failedTrial: null })
    await process().boot.writeChoice({ good: 'be-000003' as BeName, trial: 'be-000001' as BeName, attemptsLeft: 0, once: 'be-000001' as BeName })
    await reboot()
    expect(await run('gate')).toMatchObject({ healthy: true, verdict: 'report' })
    expect(await run('passed')).toMatchObject({ verdict: 'report' })
    expect(await run('ending')).toMatchObject({ verdict: 'report' })
    expect((await process().boot.readChoice()).choice).toMatchObject({ good: 'be-000003', trial: 'be-000001', attemptsLeft: 0 })
    await confirmVersion(process(), quietly)
    expect((await process().boot.readChoice()).choice).toMatchObject({ good: 'be-000001', trial: null })
  })

  it('counts a boot for nothing that somebody ends in order before it was judged, as often as a trial has attempts', async () => {
    const { machine, run, reboot, upgradeAndReboot } = await machineWithHealth()
    const attemptsLeft = async (): Promise<number | undefined> => (await readStatus(machine.process())).trial?.attemptsLeft
    await upgradeAndReboot()
    for (const times of [1, 2, 3]) {
      expect(await attemptsLeft(), `before ${String(times)}`).toBe(2)
      expect(await run('ending')).toMatchObject({ verdict: 'wait' })
      expect(await attemptsLeft()).toBe(3)
      await reboot()
    }
    expect(await run('ending')).toMatchObject({ verdict: 'report' })
    expect(await attemptsLeft()).toBe(2)
    await run('gate')
    await run('passed')
    expect((await machine.process().boot.readChoice()).choice).toMatchObject({ good: 'be-000001', trial: null })
    expect(await run('ending')).toMatchObject({ verdict: 'report' })
  })

  it('gives no attempt back to a trial that was found sick and is rebooted for that', async () => {
    const { machine, run, upgradeAndReboot } = await machineWithHealth()
    await run('gate')
    await upgradeAndReboot()
    machine.units.broke.add(UNITS.gateway)
    await run('gate')
    expect(await run('ending')).toMatchObject({ verdict: 'report' })
    expect((await machine.process().boot.readChoice()).choice).toMatchObject({ trial: 'be-000001', attemptsLeft: 0 })
  })

  it('takes a sick trial back, and the boot after it tells which version failed, why, and what it has not', async () => {
    const { machine, journal, process, run, reboot, upgradeAndReboot } = await machineWithHealth()
    await run('gate')
    await upgradeAndReboot()
    machine.units.broke.add(UNITS.gateway)
    expect(await run('gate')).toMatchObject({ healthy: false, verdict: 'fall-back' })
    expect(await run('incomplete')).toMatchObject({ healthy: false, verdict: 'fall-back' })
    await reboot()
    const text = `${UNITS.gateway} has failed`
    const lines = [`${UNITS.gateway}: starting`, `${UNITS.gateway}: cannot read the data`]
    expect(await readStatus(process())).toMatchObject({
      running: { be: 'be-000003', why: 'fallback-from-trial' },
      failedTrial: { be: 'be-000001', faults: [{ check: 'units', text, lines }], since: expect.any(String) as string },
    })
    expect(journal.messages).toMatchObject([
      { id: '8b28fb92716458fdd03c5deb5e8a51bf', fields: { BELAY_TRIAL: 'be-000001', BELAY_REASON: text, BELAY_RUNNING: 'be-000003' } },
    ])
    expect((await process().audit.read()).find(({ operation }) => operation === 'fall-back')).toMatchObject({ faults: [{ text, lines }] })
    // The version that it came back to is as sick, and stays up.
    machine.units.broke.add(UNITS.gateway)
    const before = (await machine.process().boot.readChoice()).choice
    expect(await run('gate')).toMatchObject({ healthy: false, verdict: 'report' })
    expect(await run('incomplete')).toMatchObject({ healthy: true, verdict: 'report' })
    expect((await machine.process().boot.readChoice()).choice).toEqual(before)
    expect(journal.messages.at(-1)).toMatchObject({ id: '25fa6a01d8a36605eed680f2bd51582e', fields: { BELAY_RUNNING: 'be-000003' } })
    expect((await readStatus(process())).running).toMatchObject({ faults: [{ text }] })
  })

  it('ends a trial whose boot nobody judged, and lets a complete one be', async () => {
    const { machine, process, upgradeAndReboot } = await machineWithHealth()
    await upgradeAndReboot()
    machine.units.running.add('boot-complete.target')
    expect(await endIncompleteTrial(process(), quietly)).toBe(false)
    machine.units.running.delete('boot-complete.target')
    expect(await endIncompleteTrial(process(), quietly)).toBe(true)
    expect((await process().index.read()).trialHealth).toMatchObject({ be: 'be-000001', faults: [{ check: 'boot-complete' }] })
  })

  it('does nothing to an upgrade that waits for its reboot', async () => {
    const { machine, process, run } = await machineWithHealth()
    machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none' }
    await upgradePackages(machine.process(), { packages: [], release: null, withData: false, quiesce: false, refresh: false }, quietly)
    machine.units.broke.add(UNITS.gateway)
    const before = (await process().boot.readChoice()).choice
    expect((await run('gate')).verdict).toBe('report')
    expect(await endIncompleteTrial(process(), quietly)).toBe(false)
    expect((await process().boot.readChoice()).choice).toEqual(before)
  })

  it('judges a version anew that failed before and is tried again', async () => {
    const { machine, process, run, reboot, upgradeAndReboot } = await machineWithHealth()
    await run('gate')
    await upgradeAndReboot()
    machine.units.broke.add(UNITS.gateway)
    await run('gate')
    await reboot()
    await confirmVersion(process(), quietly)
    await switchVersion(process(), { direction: 'forward', id: null, keepConfig: false, withData: false, once: false, force: true }, quietly)
    await reboot()
    expect(await run('gate')).toMatchObject({ verdict: 'confirm' })
  })

  it('uses the attempts up although nothing can be recorded', async () => {
    const { machine, process, run, upgradeAndReboot } = await machineWithHealth()
    await upgradeAndReboot()
    const { index, stateDirectory } = process()
    await index.read()
    await machine.files.writeAtomic(`${stateDirectory}/index.json`, '{')
    machine.units.running.delete(UNITS.gateway)
    await run('gate', { policy: policyWith({ units: [UNITS.gateway] }) })
    expect((await process().boot.readChoice()).choice).toMatchObject({ good: 'be-000003', trial: 'be-000001', attemptsLeft: 0 })
  })
})
