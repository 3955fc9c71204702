import { describe, expect, it } from 'vitest'
import { BugError, NotFoundError } from '../../../src/errors.ts'
import { BE, CONFIG, GENERATION, OTHER_BE, type Scene, asSources, goneVolume, memberAt, rootOf } from './scene.ts'

const THIRD_BE = 'be-000003' as typeof BE

export const describeBootEnvironments = (scene: Scene): void => {
  describe('boot environments', () => {
    it('cloned from a generation are writable and have its content, config in place', async () => {
      const { generation } = await scene.adoptAndTake()
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(generation))
      expect(await scene.read(rootOf(clone), '/usr/bin/gateway')).toBe('gateway 1\n')
      expect(await scene.read(rootOf(clone), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      expect(await scene.modeOf(rootOf(clone), `${CONFIG}/app.conf`)).toBe(0o640)
      await scene.write(rootOf(clone), '/usr/bin/gateway', 'gateway 2\n')
      await scene.write(rootOf(clone), `${CONFIG}/app.conf`, 'listen = 8080\n')
      expect(await scene.read(memberAt(clone, CONFIG).volume, '/app.conf')).toBe('listen = 8080\n')
      expect(await scene.surveyed(scene.driver, OTHER_BE)).toEqual({ kind: 'be', name: OTHER_BE, marked: true, complete: true })
    })

    it('share nothing that is written with their generation, their origin and each other', async () => {
      const { be, generation } = await scene.adoptAndTake()
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(generation))
      const sibling = await scene.driver.cloneBe(THIRD_BE, asSources(generation))
      await scene.write(rootOf(clone), '/usr/bin/gateway', 'gateway 2\n')
      await scene.write(rootOf(clone), `${CONFIG}/app.conf`, 'listen = 8080\n')
      for (const root of [rootOf(be), rootOf(sibling)]) {
        expect(await scene.read(root, '/usr/bin/gateway')).toBe('gateway 1\n')
        expect(await scene.read(root, `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      }
      expect(await scene.read(rootOf(generation), '/usr/bin/gateway')).toBe('gateway 1\n')
      expect(await scene.read(memberAt(generation, CONFIG).volume, '/app.conf')).toBe('listen = 80\n')
    })

    it('can be cloned from a root that is in use, which is not changed by it', async () => {
      const clone = await scene.driver.cloneBe(BE, scene.installedRoot())
      await scene.write(rootOf(clone), '/usr/bin/gateway', 'gateway 2\n')
      expect(await scene.files.readText(`${scene.machine.installed.directory}/usr/bin/gateway`)).toBe('gateway 1\n')
    })

    it('can have the root of one version and the configuration of another', async () => {
      const { be, generation } = await scene.adoptAndTake()
      await scene.write(rootOf(be), '/usr/bin/gateway', 'gateway 2\n')
      await scene.write(rootOf(be), `${CONFIG}/app.conf`, 'listen = 8080\n')
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources([...generation.filter((member) => member.role === 'root'), memberAt(be, CONFIG)]))
      expect(await scene.read(rootOf(clone), '/usr/bin/gateway')).toBe('gateway 1\n')
      expect(await scene.read(rootOf(clone), `${CONFIG}/app.conf`)).toBe('listen = 8080\n')
    })

    it('can have a config member inside another', async () => {
      const be = await scene.adopt(BE, [CONFIG, `${CONFIG}/inner`])
      const generation = await scene.driver.takeGeneration(GENERATION, asSources(be))
      // The order of the sources is not the order of nesting.
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(generation).toReversed())
      expect(await scene.read(rootOf(clone), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      expect(await scene.read(rootOf(clone), `${CONFIG}/inner/inner.conf`)).toBe('level = 1\n')
      await scene.write(memberAt(clone, `${CONFIG}/inner`).volume, '/inner.conf', 'level = 2\n')
      expect(await scene.read(rootOf(clone), `${CONFIG}/inner/inner.conf`)).toBe('level = 2\n')
      expect(await scene.read(rootOf(be), `${CONFIG}/inner/inner.conf`)).toBe('level = 1\n')
      await scene.driver.destroyBe(OTHER_BE)
      expect(await scene.surveyed(scene.driver, OTHER_BE)).toBeUndefined()
    })

    it('make the directories above a config member that their root does not have', async () => {
      const place = '/opt/vendor/etc'
      const be = await scene.adopt(BE, [place])
      const clone = await scene.driver.cloneBe(OTHER_BE, [...scene.installedRoot(), ...asSources([memberAt(be, place)])])
      await scene.write(rootOf(clone), `${place}/vendor.conf`, 'x')
      expect(await scene.read(memberAt(clone, place).volume, '/vendor.conf')).toBe('x')
      expect(await scene.modeOf(rootOf(clone), '/opt/vendor')).toBe(0o755)
    })

    it('show the config member where their root has a plain directory with content', async () => {
      const be = await scene.adopt()
      await scene.write(rootOf(be), `${CONFIG}/app.conf`, 'listen = 8080\n')
      await scene.files.writeAtomic(`${scene.machine.installed.directory}${CONFIG}/only-in-root.conf`, 'x')
      const clone = await scene.driver.cloneBe(OTHER_BE, [...scene.installedRoot(), ...asSources([memberAt(be, CONFIG)])])
      expect(await scene.list(rootOf(clone), CONFIG)).toEqual(['app.conf', 'inner'])
      expect(await scene.read(rootOf(clone), `${CONFIG}/app.conf`)).toBe('listen = 8080\n')
    })

    it('keep an empty directory where a config member was that is not among the sources', async () => {
      const { generation } = await scene.adoptAndTake()
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(generation.filter((member) => member.role === 'root')))
      expect(await scene.list(rootOf(clone), CONFIG)).toEqual([])
    })

    it('do not follow a link in their root that leads out', async () => {
      const be = await scene.adopt()
      const sources = [...scene.installedRoot(), { ...asSources([memberAt(be, CONFIG)])[0], mountpoint: '/lead-out/app' }] as ReturnType<typeof asSources>
      await scene.expectRefused(scene.driver.cloneBe(OTHER_BE, sources), 'path-leads-out')
      expect(await scene.surveyed(scene.driver, OTHER_BE)).toBeUndefined()
      expect(await scene.files.readText(`${scene.machine.installed.directory}/lead-out/app/untouched`)).toBe('untouched\n')
    })

    it('need a root', async () => {
      const be = await scene.adopt()
      await expect(scene.driver.cloneBe(OTHER_BE, asSources([memberAt(be, CONFIG)]))).rejects.toThrow(BugError)
      expect(await scene.surveyed(scene.driver, OTHER_BE)).toBeUndefined()
    })

    it('refuse a name that is taken, also by something foreign', async () => {
      const be = await scene.adopt()
      await scene.expectRefused(scene.driver.cloneBe(BE, scene.installedRoot()), 'name-occupied')
      expect(await scene.read(rootOf(be), '/usr/bin/gateway')).toBe('gateway 1\n')
      const precious = await scene.machine.makeForeign('be', OTHER_BE)
      await scene.expectRefused(scene.driver.cloneBe(OTHER_BE, scene.installedRoot()), 'name-occupied')
      expect(await scene.files.readText(precious)).toBe('precious')
    })

    it('leave nothing behind when a source is missing', async () => {
      const sources = [...scene.installedRoot(), { role: 'config', mountpoint: CONFIG, volume: goneVolume(scene.driver.pool) } as const]
      await expect(scene.driver.cloneBe(BE, sources)).rejects.toThrow(NotFoundError)
      expect(await scene.driver.survey()).toEqual([])
      await scene.driver.cloneBe(BE, scene.installedRoot())
    })

    it('can be destroyed with their config, a second time too, and although they never were', async () => {
      const { be, generation } = await scene.adoptAndTake()
      await scene.driver.destroyBe(BE)
      await scene.driver.destroyBe(BE)
      await scene.driver.destroyBe(OTHER_BE)
      expect(await scene.surveyed(scene.driver, BE)).toBeUndefined()
      for (const member of be) expect(await scene.driver.exists(member.volume)).toBe(false)
      expect(await scene.read(memberAt(generation, CONFIG).volume, '/app.conf')).toBe('listen = 80\n')
    })

    it('are not destroyed while their root or their config is mounted', async () => {
      const be = await scene.adopt()
      for (const member of be) {
        const { directory, unmount } = await scene.machine.mount(member.volume)
        expect(await scene.driver.volumeAt(directory)).toEqual(member.volume)
        await scene.expectRefused(scene.driver.checkDestroy({ kind: 'be', name: BE }), 'in-use')
        await scene.expectRefused(scene.driver.destroyBe(BE), 'in-use')
        expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ complete: true })
        await unmount()
        expect(await scene.driver.volumeAt(directory)).toBeNull()
      }
      await scene.driver.destroyBe(BE)
    })

    it('show their config members where they are mounted', async () => {
      const be = await scene.adopt()
      const { directory } = await scene.machine.mount(rootOf(be))
      expect(await scene.files.readText(`${directory}${CONFIG}/app.conf`)).toBe('listen = 80\n')
    })

    it('are not destroyed without belay’s mark', async () => {
      const precious = await scene.machine.makeForeign('be', BE)
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'be', name: BE }), 'not-ours')
      await scene.expectRefused(scene.driver.destroyBe(BE), 'not-ours')
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ marked: false })
      expect(await scene.files.readText(precious)).toBe('precious')
    })

    it('are destroyed with empty volumes of others in them, such as systemd-tmpfiles makes', async () => {
      const be = await scene.adopt()
      await scene.machine.makeNested(`${await scene.driver.directoryOf(rootOf(be))}/portables`)
      await scene.driver.checkDestroy({ kind: 'be', name: BE })
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ complete: true })
      await scene.driver.destroyBe(BE)
      expect(await scene.surveyed(scene.driver, BE)).toBeUndefined()
    })

    it('are not destroyed with volumes of others in them that hold something, and stay whole', async () => {
      const be = await scene.adopt()
      const nested = `${await scene.driver.directoryOf(rootOf(be))}/container`
      await scene.machine.makeNested(nested)
      await scene.files.writeAtomic(`${nested}/image`, 'image')
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'be', name: BE }), 'in-use')
      await scene.expectRefused(scene.driver.destroyBe(BE), 'in-use')
      expect(await scene.files.readText(`${nested}/image`)).toBe('image')
      expect(await scene.surveyed(scene.driver, BE)).toMatchObject({ marked: true, complete: true })
      expect(await scene.read(rootOf(be), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
    })

    it('that a process died over are never taken for complete, can be destroyed, and free their name', async () => {
      const { generation } = await scene.adoptAndTake()
      await scene.atEachCut(
        (driver) => driver.cloneBe(OTHER_BE, asSources(generation)),
        async (driver, wasCut) => {
          expect((await scene.surveyed(driver, OTHER_BE))?.complete ?? false).toBe(!wasCut)
          await driver.destroyBe(OTHER_BE)
          expect(await scene.surveyed(driver, OTHER_BE)).toBeUndefined()
        },
      )
    })

    it('are gone after a process that died while it destroyed them and one that did it again', async () => {
      const { generation } = await scene.adoptAndTake()
      await scene.driver.cloneBe(OTHER_BE, asSources(generation))
      await scene.atEachCut(
        (driver) => driver.destroyBe(OTHER_BE),
        async (driver) => {
          await driver.destroyBe(OTHER_BE)
          expect(await scene.surveyed(driver, OTHER_BE)).toBeUndefined()
          await driver.cloneBe(OTHER_BE, asSources(generation))
        },
      )
    })
  })
}
