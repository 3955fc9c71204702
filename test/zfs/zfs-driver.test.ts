import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Member } from '../../src/snap/model.ts'
import { type BeName, type GenerationName, beName, dataName, generationName, GenerationId } from '../../src/snap/names.ts'
import { describeAdoptingDriver, describeDriver } from '../contract/driver-contract.ts'
import { asSources, BE, CONFIG, DATA, FILES, GENERATION, memberAt, OTHER_BE, OTHER_GENERATION, recordOf, rootOf } from '../contract/driver/scene.ts'
import { hasHappened, seeStorm } from '../contract/driver/write-storm.ts'
import { ZfsUnderTest } from './zfs-under-test.ts'

describeDriver('ZfsDriver', () => ZfsUnderTest.make())
describeAdoptingDriver('ZfsDriver', () => ZfsUnderTest.make())

/** What zfs destroy says of a snapshot with a user hold: OpenZFS 2.1, and 2.3. */
const HELD = /dataset is busy|it's being held/

describe('ZfsDriver on a real pool', () => {
  let subject: ZfsUnderTest

  beforeEach(async () => {
    subject = await ZfsUnderTest.make()
  })
  afterEach(() => subject.release())

  const adopt = async (): Promise<Member[]> => {
    const members = [...(await subject.driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: subject.installed.volume }]))]
    return [...members, await subject.driver.carveConfig(BE, CONFIG)]
  }
  const datasets = (): string[] => subject.zfs('list', '-H', '-o', 'name', '-r', '-t', 'all', subject.poolName).trim().split('\n')
  const read = async (member: Member, path: string): Promise<string> => subject.files.readText(`${await subject.driver.directoryOf(member.volume)}${path}`)
  const write = async (member: Member, path: string, content: string): Promise<void> =>
    subject.files.writeAtomic(`${await subject.driver.directoryOf(member.volume)}${path}`, content)

  it('takes root, config and data in one transaction group', async () => {
    const be = await adopt()
    const data = await subject.driver.carveData(DATA, BE, FILES)
    await subject.driver.takeGeneration(GENERATION, [...asSources(be), { role: 'data', mountpoint: FILES, volume: data }])
    const listed = subject.zfs('list', '-H', '-p', '-r', '-t', 'snapshot', '-o', 'name,createtxg', subject.poolName).trim().split('\n')
    const taken = listed.filter((line) => line.includes(`@${GENERATION}\t`)).map((line) => line.split('\t')[1])
    expect(taken).toHaveLength(3)
    expect(new Set(taken).size).toBe(1)
  })

  it('never shows a restore point of root, config and data that did not exist, however fast they are written', async () => {
    const seen = await seeStorm(subject, 50)
    expect(seen.filter((moment) => !hasHappened(moment))).toEqual([])
    // The storm blew: no two of them show the same.
    expect(new Set(seen.map(([root]) => root)).size).toBe(50)
    const listed = subject.zfs('list', '-H', '-p', '-r', '-t', 'snapshot', '-o', 'name,createtxg', subject.poolName).trim().split('\n')
    const instants = new Set(listed.filter((line) => line.includes('@gen-')).map((line) => line.replace(/^.*@/, '')))
    expect(instants.size).toBe(50)
  })

  it('keeps every generation when the boot environments that they were taken of go, and leaves nothing when all are gone', async () => {
    const untouched = datasets()
    let be: readonly Member[] = await adopt()
    const taken: { readonly name: GenerationName; readonly members: readonly Member[] }[] = []
    const environments: BeName[] = [BE]
    for (let round = 1; round <= 4; round += 1) {
      const name = generationName(GenerationId.parse(round))
      const members = await subject.driver.takeGeneration(name, asSources(be))
      taken.push({ name, members })
      // An upgrade goes on in the boot environment of before; a rollback in a clone of what was taken.
      if (round % 2 === 0) {
        const clone = beName(environments.length + 1)
        be = await subject.driver.cloneBe(clone, asSources(members))
        environments.push(clone)
      }
      await write(memberAt(be, '/'), '/usr/bin/gateway', `gateway ${String(round + 1)}\n`)
      await write(memberAt(be, CONFIG), '/app.conf', `listen = ${String(round + 1)}\n`)
    }
    for (const name of environments) await subject.driver.destroyBe(name)
    for (const [position, { members }] of taken.entries()) {
      const now = await subject.driver.membersOf(recordOf(members))
      expect(await read(memberAt(now, '/'), '/usr/bin/gateway')).toBe(`gateway ${String(position + 1)}\n`)
      expect(await read(memberAt(now, CONFIG), '/app.conf')).toBe(position === 0 ? 'listen = 80\n' : `listen = ${String(position + 1)}\n`)
      const again = await subject.driver.cloneBe(beName(20 + position), asSources(now))
      expect(await read(memberAt(again, '/'), '/usr/bin/gateway')).toBe(`gateway ${String(position + 1)}\n`)
    }
    expect(await subject.driver.survey()).toHaveLength(8)
    for (const { name } of taken) await subject.driver.destroyGeneration(name)
    for (const [position] of taken.entries()) await subject.driver.destroyBe(beName(20 + position))
    expect(await subject.driver.survey()).toEqual([])
    expect(datasets().filter((name) => !/\/belay(?:\/(?:kept|data))?$/.test(name))).toEqual(untouched)
  })

  it('leaves what tools for the whole pool snapshot, although the names are the same in every dataset', async () => {
    const be = await adopt()
    const generation = await subject.driver.takeGeneration(GENERATION, asSources(be))
    const clone = await subject.driver.cloneBe(OTHER_BE, asSources(generation))
    await subject.driver.takeGeneration(OTHER_GENERATION, asSources(be))
    subject.zfs('snapshot', '-r', `${subject.poolName}@autosnap_hourly`)
    await subject.driver.destroyBe(BE)
    expect(datasets().filter((name) => name.endsWith('@autosnap_hourly') && !name.includes('/debian'))).toHaveLength(6)
    expect(await read(memberAt(clone, CONFIG), '/app.conf')).toBe('listen = 80\n')
    expect(await subject.driver.survey()).toHaveLength(3)
  })

  it('lets no other program destroy a generation that is held, and leaves the holds of others', async () => {
    const be = await adopt()
    const generation = await subject.driver.takeGeneration(GENERATION, asSources(be))
    const snapshots = generation.map(({ volume }) => volume.locator)
    const tags = (): string[] =>
      subject
        .zfs('holds', '-H', ...snapshots)
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [String(line.split('\t')[1])]))
    subject.zfs('hold', 'backup', snapshots[0] ?? '')
    await subject.driver.holdGeneration(GENERATION, { owner: 'Ada, support', until: '2027-01-31' })
    expect(tags().toSorted()).toEqual(['backup', 'belay:Ada%2C%20support:2027-01-31', 'belay:Ada%2C%20support:2027-01-31'])
    expect(() => subject.zfs('destroy', snapshots[1] ?? '')).toThrow(HELD)
    // The hold goes with the snapshot to the clone that takes it over.
    await subject.driver.cloneBe(OTHER_BE, asSources(generation))
    await subject.driver.destroyBe(BE)
    const [first] = await subject.driver.membersOf(recordOf(generation))
    expect(() => subject.zfs('destroy', first?.volume.locator ?? '')).toThrow(HELD)
    subject.zfs('release', 'backup', first?.volume.locator ?? '')
    await subject.driver.destroyGeneration(GENERATION)
    expect(await subject.driver.survey()).toEqual([expect.objectContaining({ name: OTHER_BE })])
  })

  it('does not hand generations to a clone that somebody else made of one', async () => {
    const be = await adopt()
    const generation = await subject.driver.takeGeneration(GENERATION, asSources(be))
    subject.zfs('clone', rootOf(generation).locator, `${subject.poolName}/rescue`)
    await subject.driver.destroyBe(BE)
    expect(subject.zfs('list', '-H', '-o', 'name', '-r', '-t', 'snapshot', `${subject.poolName}/rescue`)).toBe('')
    const now = await subject.driver.membersOf(recordOf(generation))
    expect(await read(memberAt(now, '/'), '/usr/bin/gateway')).toBe('gateway 1\n')
    const again = await subject.driver.cloneBe(OTHER_BE, asSources(now))
    expect(await read(memberAt(again, CONFIG), '/app.conf')).toBe('listen = 80\n')
  })

  it('gives copies of data the properties that were set on the original, but its place', async () => {
    await adopt()
    const data = await subject.driver.carveData(DATA, BE, FILES)
    for (const setting of ['acltype=posix', 'quota=64M', 'exec=off', 'com.sun:auto-snapshot=false']) subject.zfs('set', setting, data.locator)
    const copy = await subject.driver.cloneData(dataName(7), data)
    const of = (property: string): string => subject.property(copy.locator, property)
    expect([of('acltype'), of('quota'), of('exec'), of('com.sun:auto-snapshot'), of('mountpoint')]).toEqual([
      'posix',
      String(64 << 20),
      'off',
      'false',
      'legacy',
    ])
  })

  it('does not take a directory of a dataset that is mounted elsewhere for the dataset', async () => {
    const { directory } = await subject.makeMounted()
    const [inner, other] = [`${directory}/inner`, `${subject.directory}/other`]
    await subject.files.makeDirectory(inner)
    await subject.files.makeDirectory(other)
    execFileSync('/usr/bin/mount', ['--bind', inner, other])
    expect(await subject.driver.volumeAt(other)).toBeNull()
    expect(await subject.driver.volumeAt(directory)).not.toBeNull()
  })

  it('leaves neither a mount nor its work directory behind, also when a process stands in it', async () => {
    const workDirectory = `${subject.directory}/short-lived`
    const driver = subject.open({ workDirectory })
    await driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: subject.installed.volume }])
    await driver.carveConfig(BE, CONFIG)
    const bystander = spawn('/usr/bin/sleep', ['600'], { cwd: `${await driver.beRootDirectory(BE)}${CONFIG}`, stdio: 'ignore' })
    try {
      await driver.close()
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(workDirectory)
      expect(await subject.files.stat(workDirectory)).toBeNull()
    } finally {
      bystander.kill()
    }
  })

  it('is not confused by a copy of its own datasets beside the originals', async () => {
    const be = await adopt()
    const generation = await subject.driver.takeGeneration(GENERATION, asSources(be))
    const survey = await subject.driver.survey()
    const stream = `${subject.directory}/stream`
    execFileSync('/bin/sh', [
      '-c',
      'zfs send -R "$1" >"$2" && zfs receive -u "$3" <"$2"',
      'sh',
      `${rootOf(be).locator}@${GENERATION}`,
      stream,
      `${subject.poolName}/ROOT/copy`,
    ])
    const next = subject.open()
    expect(await next.survey()).toEqual(survey)
    expect(await next.membersOf(recordOf(generation))).toEqual(generation)
    await next.destroyGeneration(GENERATION)
    await next.destroyBe(BE)
    expect(await next.survey()).toEqual([{ kind: 'generation', name: GENERATION, marked: false, complete: false }])
    expect(datasets()).toContain(`${subject.poolName}/ROOT/copy@${GENERATION}`)
  })
})
