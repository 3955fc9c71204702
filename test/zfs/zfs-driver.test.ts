import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Member } from '../../src/snap/model.ts'
import { type BeName, type GenerationName, beName, generationName, GenerationId } from '../../src/snap/names.ts'
import { describeDriver } from '../contract/driver-contract.ts'
import { asSources, BE, CONFIG, DATA, FILES, GENERATION, memberAt, OTHER_BE, OTHER_GENERATION, recordOf, rootOf } from '../contract/driver/scene.ts'
import { hasHappened, seeStorm } from '../contract/driver/write-storm.ts'
import { ZfsUnderTest } from './zfs-under-test.ts'

describeDriver('ZfsDriver', () => ZfsUnderTest.make(), { adoptsData: true })

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
