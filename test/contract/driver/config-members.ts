import { describe, expect, it } from 'vitest'
import type { Driver } from '../../../src/snap/driver.ts'
import { BE, CONFIG, GENERATION, OTHER_BE, type Scene, asSources, memberAt, recordOf, rootOf } from './scene.ts'

/** Legal in policy and hostile to whoever builds command lines or parses tables. */
const NASTY = ['/etc/My "App"', '/etc/größe – 設定', "/etc/it's $(here)", '/etc/back\\slash', '/etc/-rf', '/etc/path with top level 5']

export const describeConfigMembers = (scene: Scene): void => {
  /** What a person finds in the configuration and beside it. */
  const shown = async (driver: Driver, be: typeof BE): Promise<Record<string, string | string[]>> => {
    const root = await driver.beRootDirectory(be)
    return {
      etc: await scene.files.list(`${root}/etc`),
      app: await scene.files.list(`${root}${CONFIG}`),
      'app.conf': await scene.files.readText(`${root}${CONFIG}/app.conf`),
      'inner.conf': await scene.files.readText(`${root}${CONFIG}/inner/inner.conf`),
    }
  }

  describe('config members', () => {
    it('are made of a plain directory with its content and modes', async () => {
      await scene.driver.cloneBe(BE, scene.installedRoot())
      const before = await shown(scene.driver, BE)
      const member = await scene.driver.carveConfig(BE, CONFIG)
      expect(member).toMatchObject({ role: 'config', mountpoint: CONFIG })
      expect(await shown(scene.driver, BE)).toEqual(before)
      expect(await scene.modeOf(member.volume, '/app.conf')).toBe(0o640)
      expect(await scene.modeOf(member.volume, '/inner/inner.conf')).toBe(0o600)
      expect(await scene.modeOf(member.volume, '')).toBe(0o755)
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ complete: true })
    })

    it('do not change the root that the boot environment was cloned from', async () => {
      await scene.adopt()
      expect(await scene.files.readText(`${scene.machine.installed.directory}${CONFIG}/app.conf`)).toBe('listen = 80\n')
    })

    it('are made empty where nothing is, with the directories above', async () => {
      const be = await scene.adopt(BE, ['/etc/new/deep'])
      expect(await scene.list(rootOf(be), '/etc/new/deep')).toEqual([])
      expect(await scene.modeOf(rootOf(be), '/etc/new')).toBe(0o755)
      await scene.write(memberAt(be, '/etc/new/deep').volume, '/x.conf', 'x')
      expect(await scene.read(rootOf(be), '/etc/new/deep/x.conf')).toBe('x')
    })

    it('stay what they are when they are made again', async () => {
      const be = await scene.adopt()
      await scene.write(rootOf(be), `${CONFIG}/app.conf`, 'listen = 8080\n')
      expect(await scene.driver.carveConfig(BE, CONFIG)).toEqual(memberAt(be, CONFIG))
      expect(await scene.read(rootOf(be), `${CONFIG}/app.conf`)).toBe('listen = 8080\n')
    })

    it('are made again after a package’s purge removed them', async () => {
      const be = await scene.adopt()
      await scene.machine.purge(`${await scene.driver.directoryOf(rootOf(be))}${CONFIG}`)
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ marked: true, complete: false })
      expect((await scene.driver.membersOf(recordOf(be))).map((member) => member.mountpoint)).toEqual(['/'])
      const again = await scene.driver.carveConfig(BE, CONFIG)
      expect(again.volume.guid).not.toBe(memberAt(be, CONFIG).volume.guid)
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ complete: true })
      await scene.driver.destroyBe(BE)
    })

    it('are made of the plain directory that a package put in their place', async () => {
      const be = await scene.adopt()
      const directory = `${await scene.driver.directoryOf(rootOf(be))}${CONFIG}`
      await scene.machine.purge(directory)
      await scene.files.makeDirectory(directory, 0o750)
      await scene.files.writeAtomic(`${directory}/app.conf`, 'of the package\n')
      await scene.driver.survey()
      const again = await scene.driver.carveConfig(BE, CONFIG)
      expect(await scene.read(again.volume, '/app.conf')).toBe('of the package\n')
      expect(await scene.modeOf(again.volume, '')).toBe(0o750)
    })

    it('are made of the empty directory that a clone has where its origin had a volume', async () => {
      const { generation } = await scene.adoptAndTake()
      await scene.driver.cloneBe(OTHER_BE, asSources(generation.filter((member) => member.role === 'root')))
      const member = await scene.driver.carveConfig(OTHER_BE, CONFIG)
      await scene.write(member.volume, '/app.conf', 'x')
      expect(await scene.read(member.volume, '/app.conf')).toBe('x')
    })

    it('cannot be made of a directory that holds another member, which stays', async () => {
      const be = await scene.adopt(BE, [`${CONFIG}/inner`])
      await scene.expectRefused(scene.driver.carveConfig(BE, CONFIG), 'holds-volumes')
      expect(await scene.read(rootOf(be), `${CONFIG}/inner/inner.conf`)).toBe('level = 1\n')
      expect(await scene.read(rootOf(be), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      await scene.driver.destroyBe(BE)
    })

    it('are not made through a link that leads out', async () => {
      await scene.driver.cloneBe(BE, scene.installedRoot())
      await scene.expectRefused(scene.driver.carveConfig(BE, '/lead-out/app'), 'path-leads-out')
      await scene.expectRefused(scene.driver.carveConfig(BE, '/etc/../../app'), 'path-leads-out')
      expect(await scene.files.list(`${scene.machine.installed.directory}/lead-out/app`)).toEqual(['untouched'])
    })

    it.each(NASTY)('may be at %j', async (place) => {
      const be = await scene.adopt(BE, [place])
      await scene.write(rootOf(be), `${place}/x.conf`, '1')
      const generation = await scene.driver.takeGeneration(GENERATION, asSources(be))
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(generation))
      await scene.write(rootOf(clone), `${place}/x.conf`, '2')
      expect(await scene.read(memberAt(clone, place).volume, '/x.conf')).toBe('2')
      expect(await scene.read(memberAt(generation, place).volume, '/x.conf')).toBe('1')
      expect(await scene.driver.membersOf(recordOf(clone))).toEqual(clone)
      await scene.driver.destroyBe(OTHER_BE)
      expect(await scene.surveyed(scene.driver, OTHER_BE)).toBeUndefined()
    })

    it('that a process died over are taken back with their content, and the boot environment can go', async () => {
      await scene.atEachCut(
        async (driver) => {
          await driver.carveConfig(BE, CONFIG)
        },
        async (driver) => {
          await driver.uncarveConfig(BE, CONFIG)
          if ((await scene.surveyed(driver, BE)) !== undefined) expect(await shown(driver, BE)).toEqual(await installed())
          await driver.destroyBe(BE)
          expect(await scene.surveyed(driver, BE)).toBeUndefined()
          await driver.cloneBe(BE, scene.installedRoot())
        },
        async (driver) => {
          await driver.cloneBe(BE, scene.installedRoot())
        },
      )
    })

    it('that a process died over are complete after a second try', async () => {
      await scene.atEachCut(
        async (driver) => {
          await driver.carveConfig(BE, CONFIG)
        },
        async (driver) => {
          const member = await driver.carveConfig(BE, CONFIG)
          expect(await driver.exists(member.volume)).toBe(true)
          expect(await shown(driver, BE)).toEqual(await installed())
          expect(await scene.surveyed(driver, BE)).toMatchObject({ complete: true })
          await driver.destroyBe(BE)
          await driver.cloneBe(BE, scene.installedRoot())
        },
        async (driver) => {
          await driver.cloneBe(BE, scene.installedRoot())
        },
      )
    })

    it('that are complete stay when a carving is taken back, and what was never carved too', async () => {
      const be = await scene.adopt()
      await scene.driver.uncarveConfig(BE, CONFIG)
      expect(await scene.driver.membersOf(recordOf(be))).toEqual(be)
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ complete: true })
      await scene.driver.cloneBe(OTHER_BE, scene.installedRoot())
      await scene.driver.uncarveConfig(OTHER_BE, CONFIG)
      await scene.driver.uncarveConfig(OTHER_BE, '/etc/never')
      expect(await shown(scene.driver, OTHER_BE)).toEqual(await installed())
    })
  })

  const installed = async (): Promise<Record<string, string | string[]>> => ({
    etc: await scene.files.list(`${scene.machine.installed.directory}/etc`),
    app: ['app.conf', 'inner'],
    'app.conf': 'listen = 80\n',
    'inner.conf': 'level = 1\n',
  })
}
