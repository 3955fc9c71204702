import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../../src/errors.ts'
import { BE, CONFIG, DATA, FILES, GENERATION, OTHER_BE, OTHER_GENERATION, type Scene, asSources, goneVolume, memberAt, rootOf } from './scene.ts'

export const describeGenerations = (scene: Scene): void => {
  describe('generations', () => {
    it('have a member for each source, with its role, its place and an identity of its own', async () => {
      const { be, generation } = await scene.adoptAndTake()
      expect(generation.map(({ role, mountpoint }) => ({ role, mountpoint }))).toEqual([
        { role: 'root', mountpoint: '/' },
        { role: 'config', mountpoint: CONFIG },
      ])
      expect(new Set([...be, ...generation].map((member) => member.volume.guid)).size).toBe(4)
      for (const member of generation) {
        expect(member.volume.pool).toBe(scene.driver.pool)
        expect(await scene.driver.exists(member.volume)).toBe(true)
      }
    })

    it('are surveyed as marked and complete', async () => {
      await scene.adoptAndTake()
      expect(await scene.surveyed(scene.driver, GENERATION)).toEqual({ kind: 'generation', name: GENERATION, marked: true, complete: true })
    })

    it('hold what was there when they were taken, whatever is written later', async () => {
      const { be, generation } = await scene.adoptAndTake()
      await scene.write(rootOf(be), '/usr/bin/gateway', 'gateway 2\n')
      await scene.write(rootOf(be), `${CONFIG}/app.conf`, 'listen = 8080\n')
      expect(await scene.read(rootOf(generation), '/usr/bin/gateway')).toBe('gateway 1\n')
      expect(await scene.read(memberAt(generation, CONFIG).volume, '/app.conf')).toBe('listen = 80\n')
    })

    it('cannot be written, in no member', async () => {
      const { generation } = await scene.adoptAndTake()
      for (const member of generation) await expect(scene.write(member.volume, '/written', 'x')).rejects.toThrow()
      await expect(scene.write(rootOf(generation), '/usr/bin/gateway', 'x')).rejects.toThrow()
    })

    it('have an empty directory in their root where a config member is', async () => {
      const { generation } = await scene.adoptAndTake()
      expect(await scene.list(rootOf(generation), CONFIG)).toEqual([])
    })

    it('take data along when it is among the sources', async () => {
      const be = await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      const generation = await scene.driver.takeGeneration(GENERATION, [...asSources(be), { role: 'data', mountpoint: FILES, volume: data }])
      await scene.write(data, '/customer.txt', 'changed\n')
      expect(await scene.read(memberAt(generation, FILES).volume, '/customer.txt')).toBe('customer\n')
      expect(memberAt(generation, FILES).role).toBe('data')
      await expect(scene.write(memberAt(generation, FILES).volume, '/customer.txt', 'x')).rejects.toThrow()
    })

    it('can be taken of a root that is not belay’s', async () => {
      const generation = await scene.driver.takeGeneration(GENERATION, scene.installedRoot())
      expect(await scene.read(rootOf(generation), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
    })

    it('refuse a name that is taken, and leave the one that has it', async () => {
      const { be, generation } = await scene.adoptAndTake()
      await scene.write(rootOf(be), '/usr/bin/gateway', 'gateway 2\n')
      await scene.expectRefused(scene.driver.takeGeneration(GENERATION, asSources(be)), 'name-occupied')
      expect(await scene.read(rootOf(generation), '/usr/bin/gateway')).toBe('gateway 1\n')
    })

    it('refuse a name that something foreign has, and survey it as not marked', async () => {
      const precious = await scene.machine.makeForeign('generation', GENERATION)
      await scene.expectRefused(scene.driver.takeGeneration(GENERATION, scene.installedRoot()), 'name-occupied')
      expect(await scene.surveyed(scene.driver, GENERATION)).toMatchObject({ marked: false, complete: false })
      expect(await scene.files.readText(precious)).toBe('precious')
    })

    it('leave nothing behind when a source is missing', async () => {
      const sources = [...scene.installedRoot(), { role: 'config', mountpoint: CONFIG, volume: goneVolume(scene.driver.pool) } as const]
      await expect(scene.driver.takeGeneration(GENERATION, sources)).rejects.toThrow(NotFoundError)
      expect(await scene.driver.survey()).toEqual([])
      await scene.driver.takeGeneration(GENERATION, scene.installedRoot())
    })

    it('can be destroyed, a second time too, and their numbers’ neighbours stay', async () => {
      const { be, generation } = await scene.adoptAndTake()
      const other = await scene.driver.takeGeneration(OTHER_GENERATION, asSources(be))
      await scene.driver.destroyGeneration(GENERATION)
      await scene.driver.destroyGeneration(GENERATION)
      expect(await scene.surveyed(scene.driver, GENERATION)).toBeUndefined()
      for (const member of generation) expect(await scene.driver.exists(member.volume)).toBe(false)
      expect(await scene.read(rootOf(other), '/usr/bin/gateway')).toBe('gateway 1\n')
    })

    it('can be held for somebody, longer, and no more, and go with a hold on them', async () => {
      const { generation } = await scene.adoptAndTake()
      await scene.driver.holdGeneration(GENERATION, { owner: 'Ada, support', until: '2027-01-31' })
      await scene.driver.holdGeneration(GENERATION, { owner: 'Ada, support', until: null })
      await scene.driver.holdGeneration(GENERATION, { owner: 'Ada, support', until: null })
      await scene.driver.holdGeneration(GENERATION, null)
      await scene.driver.holdGeneration(GENERATION, null)
      await scene.driver.holdGeneration(GENERATION, { owner: 'root', until: null })
      expect(await scene.read(rootOf(generation), '/usr/bin/gateway')).toBe('gateway 1\n')
      await scene.driver.destroyGeneration(GENERATION)
      expect(await scene.surveyed(scene.driver, GENERATION)).toBeUndefined()
    })

    it('can be destroyed although they never were', async () => {
      await scene.driver.destroyGeneration(GENERATION)
      expect(await scene.driver.survey()).toEqual([])
    })

    it('leave what they were taken from and what was cloned from them when they go', async () => {
      const { be, generation } = await scene.adoptAndTake()
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(generation))
      await scene.driver.destroyGeneration(GENERATION)
      expect(await scene.read(rootOf(be), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      expect(await scene.read(rootOf(clone), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      expect(await scene.read(rootOf(clone), '/usr/bin/gateway')).toBe('gateway 1\n')
    })

    it('are not destroyed without belay’s mark', async () => {
      const precious = await scene.machine.makeForeign('generation', GENERATION)
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'generation', name: GENERATION }), 'not-ours')
      await scene.expectRefused(scene.driver.destroyGeneration(GENERATION), 'not-ours')
      expect(await scene.files.readText(precious)).toBe('precious')
    })

    it('are not destroyed while a member is mounted', async () => {
      const { generation } = await scene.adoptAndTake()
      const { unmount } = await scene.machine.mount(memberAt(generation, CONFIG).volume)
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'generation', name: GENERATION }), 'in-use')
      await scene.expectRefused(scene.driver.destroyGeneration(GENERATION), 'in-use')
      expect(await scene.surveyed(scene.driver, GENERATION)).toMatchObject({ complete: true })
      await unmount()
      await scene.driver.destroyGeneration(GENERATION)
    })

    it('that the filesystem does not let go of keep belay’s mark, and go once it does', async () => {
      const { generation } = await scene.adoptAndTake()
      const held = await scene.machine.hold(rootOf(generation))
      if (held === null) return
      await scene.expectRefused(scene.driver.destroyGeneration(GENERATION), 'in-use')
      expect(await scene.surveyed(scene.driver, GENERATION)).toMatchObject({ marked: true })
      await held.letGo()
      await scene.driver.destroyGeneration(GENERATION)
      expect(await scene.surveyed(scene.driver, GENERATION)).toBeUndefined()
    })

    it('that a process died over are never taken for complete, can be destroyed, and free their name', async () => {
      const be = await scene.adopt()
      await scene.atEachCut(
        (driver) => driver.takeGeneration(GENERATION, asSources(be)),
        async (driver, wasCut) => {
          expect((await scene.surveyed(driver, GENERATION))?.complete ?? false).toBe(!wasCut)
          await driver.destroyGeneration(GENERATION)
          expect(await scene.surveyed(driver, GENERATION)).toBeUndefined()
        },
      )
    })

    it('are gone after a process that died while it destroyed them and one that did it again', async () => {
      const be = await scene.adopt()
      await scene.driver.takeGeneration(GENERATION, asSources(be))
      await scene.atEachCut(
        (driver) => driver.destroyGeneration(GENERATION),
        async (driver) => {
          await driver.destroyGeneration(GENERATION)
          expect(await scene.surveyed(driver, GENERATION)).toBeUndefined()
          await driver.takeGeneration(GENERATION, asSources(be))
        },
      )
    })
  })
}
