import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { confirmVersion } from '../../src/operations/confirm-version.ts'
import { diagnose } from '../../src/operations/diagnosis/diagnose.ts'
import { pruneGenerations } from '../../src/operations/remove-generations.ts'
import { switchVersion } from '../../src/operations/switch-version.ts'
import { upgradePackages } from '../../src/operations/upgrade-packages.ts'
import { rootVolume } from '../../src/snap/driver.ts'
import { CONFIG } from '../contract/driver/scene.ts'
import { quietly } from '../fakes/memory-appliance.ts'
import { PoolAppliance } from './pool-appliance.ts'

const ROUNDS = 10

describe('An appliance on a real pool that lives through many versions', () => {
  let machine: PoolAppliance

  beforeEach(async () => {
    machine = await PoolAppliance.initialised()
  })
  afterEach(() => machine.release())

  const version = async (): Promise<string> => `${await machine.read('usr/bin/gateway')}${await machine.read(`${CONFIG}/app.conf`)}`
  const startAndConfirm = async (): Promise<void> => {
    await machine.reboot()
    await confirmVersion(await machine.process(), quietly)
  }
  const upgrade = async (): Promise<void> => {
    machine.packages.offer = { kernel: true, dataFormat: null, failure: 'none' }
    await upgradePackages(await machine.process(), { packages: [], withData: false, refresh: false, quiesce: false, release: null }, quietly)
    await startAndConfirm()
  }
  const go = async (direction: 'rollback' | 'forward'): Promise<void> => {
    const request = { direction, id: null, keepConfig: false, withData: false, once: false, force: false }
    await switchVersion(await machine.process(), request, quietly)
    await startAndConfirm()
  }
  const findings = async (): Promise<string[]> =>
    (await diagnose(await machine.process()))
      .map(({ finding }) => finding)
      .flatMap(({ severity, code, text }) => (severity === 'note' ? [] : [`${code}: ${text}`]))

  /** Everything below the boot environments and belay's own place, but what only holds others. */
  const datasets = (): string[] => {
    const { subject } = machine
    const listed = subject.zfs('list', '-H', '-o', 'name,canmount', '-r', '-t', 'filesystem,snapshot', `${subject.poolName}/ROOT`, `${subject.poolName}/belay`)
    return listed
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
      .flatMap(([name = '', canmount]) => (canmount === 'off' && !name.endsWith('/reserve') ? [] : [name]))
  }
  const marked = (): Set<string> => {
    const { subject } = machine
    const names = subject.zfs('get', '-H', '-r', '-s', 'local', '-t', 'filesystem,snapshot', '-o', 'name', 'belay:mark', subject.poolName)
    return new Set(names.trim().split('\n'))
  }

  it('can go up, back and forward ten times, leaves nothing without an owner, and starts every version that is offered after the oldest were pruned', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const before = await version()
      await upgrade()
      const after = await version()
      expect(after).not.toBe(before)
      await machine.subject.files.writeAtomic(`${machine.root}${CONFIG}/app.conf`, `listen = ${String(round)}\n`)
      await go('rollback')
      expect(await version()).toBe(before)
      await go('forward')
      expect(await version()).toBe(after.replace(/listen = .*/, `listen = ${String(round)}`))
      console.log(`round ${String(round)}: ${String(datasets().length)} datasets and snapshots`)
    }
    expect(await findings()).toEqual([])

    await pruneGenerations(await machine.process(), { newest: 3 }, quietly)
    expect(await findings()).toEqual([])
    const { index: store, driver } = await machine.process()
    const index = await store.read()
    const installed = `${machine.subject.poolName}/ROOT/debian`
    const own = marked()
    expect(datasets().filter((name) => !own.has(name) && !name.startsWith(installed))).toEqual([])

    const known = new Set([...index.bootEnvironments.flatMap(({ members }) => members), ...index.data].map(({ volume }) => volume.guid))
    const survey = await driver.survey()
    expect(survey.filter(({ kind }) => kind === 'be')).toHaveLength(index.bootEnvironments.length)
    expect(survey.filter(({ kind }) => kind === 'generation')).toHaveLength(index.generations.length)
    expect(survey.every((object) => object.marked && object.complete)).toBe(true)
    expect(known.size).toBe(index.bootEnvironments.length * 2 + index.data.length)
    // What holds snapshots of versions that are gone holds at least one that is still offered.
    const kept = datasets().filter((name) => name.includes('/belay/kept/'))
    for (const name of kept.filter((candidate) => !candidate.includes('@'))) expect(kept.some((other) => other.startsWith(`${name}@gen-`))).toBe(true)

    const content = new Map<number, string>()
    for (const generation of index.generations) {
      const root = rootVolume(generation)
      if (root !== null) content.set(generation.id, await machine.subject.files.readText(`${await driver.directoryOf(root)}/usr/bin/gateway`))
    }
    const { good } = machine.partition.choice ?? { good: null }
    for (const be of index.bootEnvironments.filter(({ standsFor }) => standsFor !== null)) {
      if (good === null) throw new Error('nothing is confirmed')
      machine.partition.choice = { good, trial: null, attemptsLeft: 0, once: be.name }
      expect(await machine.reboot()).toBe(be.name)
      expect(await machine.read('usr/bin/gateway')).toBe(content.get(be.standsFor ?? 0))
    }
  })
})
