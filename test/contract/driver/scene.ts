import { expect } from 'vitest'
import { RefusedError } from '../../../src/errors.ts'
import { type Driver, type OwnObject, type Source, rootVolume } from '../../../src/snap/driver.ts'
import type { BootEnvironment, Generation, Member, Volume } from '../../../src/snap/model.ts'
import { type BeName, type DataName, GenerationId, type GenerationName, beName, dataName, generationName } from '../../../src/snap/names.ts'
import type { Files } from '../../../src/sys/ports.ts'
import { ProcessDeath } from '../../fakes/process-death.ts'
import type { DriverUnderTest } from './driver-under-test.ts'

export const BE: BeName = beName(1)
export const OTHER_BE: BeName = beName(2)
export const GENERATION: GenerationName = generationName(GenerationId.parse(1))
export const OTHER_GENERATION: GenerationName = generationName(GenerationId.parse(2))
export const DATA: DataName = dataName(1)
export const OTHER_DATA: DataName = dataName(2)

export const CONFIG = '/etc/app'
export const FILES = '/srv/files'

/** A volume that no pool has. */
export const goneVolume = (pool: string): Volume => ({ pool, guid: '99999999-9999-4999-8999-999999999999', locator: 'no/such/volume' })

export const asSources = (members: readonly Member[]): Source[] =>
  members.map((member) => {
    const role = (['root', 'config', 'data'] as const).find((candidate) => candidate === member.role)
    if (role === undefined) throw new Error(`${member.role} is no source`)
    return { role, mountpoint: member.mountpoint, volume: member.volume }
  })

/** The part of a record that `membersOf` looks at. */
export const recordOf = (members: readonly Member[]): Generation | BootEnvironment => ({ members }) as unknown as BootEnvironment

export const rootOf = (members: readonly Member[]): Volume => {
  const volume = rootVolume({ members })
  if (volume === null) throw new Error('no member is a root')
  return volume
}

export const memberAt = (members: readonly Member[], mountpoint: string): Member => {
  const member = members.find((candidate) => candidate.mountpoint === mountpoint)
  if (member === undefined) throw new Error(`no member is mounted at ${mountpoint}`)
  return member
}

/** The cases' view of the machine: short names for what they do all the time. */
export class Scene {
  readonly #subject: () => DriverUnderTest

  constructor(subject: () => DriverUnderTest) {
    this.#subject = subject
  }

  get machine(): DriverUnderTest {
    return this.#subject()
  }

  get driver(): Driver {
    return this.machine.driver
  }

  get files(): Files {
    return this.machine.files
  }

  installedRoot(): Source[] {
    return [{ role: 'root', mountpoint: '/', volume: this.machine.installed.volume }]
  }

  /** What init makes: a boot environment with a config member. */
  async adopt(name: BeName = BE, config: readonly string[] = [CONFIG]): Promise<Member[]> {
    const members = [...(await this.driver.cloneBe(name, this.installedRoot()))]
    for (const mountpoint of config) members.push(await this.driver.carveConfig(name, mountpoint))
    return members
  }

  /** A boot environment and a generation of it. */
  async adoptAndTake(): Promise<{ readonly be: readonly Member[]; readonly generation: readonly Member[] }> {
    const be = await this.adopt()
    return { be, generation: await this.driver.takeGeneration(GENERATION, asSources(be)) }
  }

  async read(volume: Volume, path: string): Promise<string> {
    return this.files.readText(`${await this.driver.directoryOf(volume)}${path}`)
  }

  async write(volume: Volume, path: string, content: string): Promise<void> {
    await this.files.writeAtomic(`${await this.driver.directoryOf(volume)}${path}`, content)
  }

  async list(volume: Volume, path = ''): Promise<string[]> {
    return this.files.list(`${await this.driver.directoryOf(volume)}${path}`)
  }

  async modeOf(volume: Volume, path: string): Promise<number | undefined> {
    return (await this.files.stat(`${await this.driver.directoryOf(volume)}${path}`))?.mode
  }

  async surveyed(driver: Driver, name: OwnObject['name']): Promise<OwnObject | undefined> {
    return (await driver.survey()).find((object) => object.name === name)
  }

  async expectRefused(work: Promise<unknown>, code: string): Promise<void> {
    const error: unknown = await work.then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toHaveProperty('code', code)
  }

  /**
   * Let a process die at each of its changes in turn, and look at the pool through the driver of the next process. `before` makes what `act` begins
   * with; `after` brings the pool back to that. The last round is the one that nothing cut.
   */
  async atEachCut(
    act: (driver: Driver) => Promise<unknown>,
    after: (driver: Driver, wasCut: boolean) => Promise<void>,
    before: (driver: Driver) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    await before(this.driver)
    for (let changes = 0; ; changes += 1) {
      const mortal = await this.machine.mortal(changes)
      let wasCut = false
      try {
        await act(mortal)
      } catch (error) {
        if (!(error instanceof ProcessDeath)) throw error
        wasCut = true
      }
      await after(await this.machine.reopen(), wasCut)
      if (!wasCut) {
        expect(changes, 'changes that could be cut').toBeGreaterThan(0)
        return
      }
    }
  }
}
