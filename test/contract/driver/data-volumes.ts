import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../../src/errors.ts'
import { BE, DATA, FILES, OTHER_DATA, type Scene, goneVolume, rootOf } from './scene.ts'

export const describeDataVolumes = (scene: Scene): void => {
  describe('data volumes', () => {
    it('are carved out with content and modes, and leave an empty directory as their mount point', async () => {
      const be = await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      expect(await scene.list(data)).toEqual(['customer.txt', 'latest', 'shared'])
      expect(await scene.read(data, '/shared/letter.txt')).toBe('letter\n')
      expect(await scene.modeOf(data, '/customer.txt')).toBe(0o600)
      expect(await scene.modeOf(data, '/shared/letter.txt')).toBe(0o664)
      expect(await scene.modeOf(data, '')).toBe(0o755)
      expect(await scene.files.readLink(`${await scene.driver.directoryOf(data)}/latest`)).toBe('customer.txt')
      expect(await scene.list(rootOf(be), FILES)).toEqual([])
      expect(await scene.list(rootOf(be), '/srv')).toEqual(['files'])
      expect(await scene.surveyed(scene.driver, DATA)).toEqual({ kind: 'data', name: DATA, marked: true, complete: true })
    })

    it('do not change the root that the boot environment was cloned from', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      await scene.write(data, '/customer.txt', 'changed\n')
      expect(await scene.files.readText(`${scene.machine.installed.directory}${FILES}/customer.txt`)).toBe('customer\n')
    })

    it('are carved out of a directory with an empty one where the origin had a volume', async () => {
      await scene.machine.makeNested(`${scene.machine.installed.directory}${FILES}/nested`)
      const be = await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      expect(await scene.list(data)).toEqual(['customer.txt', 'latest', 'nested', 'shared'])
      expect(await scene.list(rootOf(be), FILES)).toEqual([])
    })

    it('are not carved out of what is not there, and nothing is left of the try', async () => {
      await scene.adopt()
      await expect(scene.driver.carveData(DATA, BE, '/srv/none')).rejects.toThrow(NotFoundError)
      expect(await scene.surveyed(scene.driver, DATA)).toBeUndefined()
    })

    it('are not carved through a link that leads out', async () => {
      await scene.adopt()
      await scene.expectRefused(scene.driver.carveData(DATA, BE, '/lead-out/app'), 'path-leads-out')
      expect(await scene.files.list(`${scene.machine.installed.directory}/lead-out/app`)).toEqual(['untouched'])
      expect(await scene.surveyed(scene.driver, DATA)).toBeUndefined()
    })

    it('that a process died over while it carved can be destroyed, with the boot environment', async () => {
      await scene.atEachCut(
        (driver) => driver.carveData(DATA, BE, FILES),
        async (driver) => {
          await driver.destroyData(DATA)
          await driver.destroyBe(BE)
          expect(await driver.survey()).toEqual([])
          await driver.cloneBe(BE, scene.installedRoot())
        },
        async (driver) => {
          await driver.cloneBe(BE, scene.installedRoot())
        },
      )
    })

    it('can be copied, and a copy shares nothing that is written', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      const copy = await scene.driver.cloneData(OTHER_DATA, data)
      expect(copy.guid).not.toBe(data.guid)
      await scene.write(copy, '/customer.txt', 'in the copy\n')
      await scene.write(data, '/shared/letter.txt', 'in the origin\n')
      expect(await scene.read(data, '/customer.txt')).toBe('customer\n')
      expect(await scene.read(copy, '/shared/letter.txt')).toBe('letter\n')
    })

    it('can be copied from a generation that holds them', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      const [member] = await scene.driver.takeGeneration('gen-000001' as Parameters<typeof scene.driver.takeGeneration>[0], [
        { role: 'data', mountpoint: FILES, volume: data },
      ])
      await scene.write(data, '/customer.txt', 'changed\n')
      if (member === undefined) throw new Error('the generation has no member')
      const copy = await scene.driver.cloneData(OTHER_DATA, member.volume)
      expect(await scene.read(copy, '/customer.txt')).toBe('customer\n')
      await scene.write(copy, '/customer.txt', 'writable\n')
    })

    it('refuse a name that is taken, also by something foreign', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      await scene.expectRefused(scene.driver.cloneData(DATA, data), 'name-occupied')
      const precious = await scene.machine.makeForeign('data', OTHER_DATA)
      await scene.expectRefused(scene.driver.cloneData(OTHER_DATA, data), 'name-occupied')
      await scene.expectRefused(scene.driver.carveData(OTHER_DATA, BE, '/usr'), 'name-occupied')
      expect(await scene.files.readText(precious)).toBe('precious')
      expect(await scene.read(data, '/customer.txt')).toBe('customer\n')
    })

    it('leave nothing behind when their source is missing', async () => {
      await expect(scene.driver.cloneData(DATA, goneVolume(scene.driver.pool))).rejects.toThrow(NotFoundError)
      expect(await scene.driver.survey()).toEqual([])
    })

    it('can be destroyed, a second time too, and although they never were; a copy of them stays', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      const copy = await scene.driver.cloneData(OTHER_DATA, data)
      await scene.driver.destroyData(DATA)
      await scene.driver.destroyData(DATA)
      expect(await scene.driver.exists(data)).toBe(false)
      expect(await scene.surveyed(scene.driver, DATA)).toBeUndefined()
      expect(await scene.read(copy, '/customer.txt')).toBe('customer\n')
    })

    it('are not destroyed without belay’s mark', async () => {
      const precious = await scene.machine.makeForeign('data', DATA)
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'data', name: DATA }), 'not-ours')
      await scene.expectRefused(scene.driver.destroyData(DATA), 'not-ours')
      expect(await scene.files.readText(precious)).toBe('precious')
    })

    it('are not destroyed while they are mounted', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      const { directory, unmount } = await scene.machine.mount(data)
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'data', name: DATA }), 'in-use')
      await scene.expectRefused(scene.driver.destroyData(DATA), 'in-use')
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
      await unmount()
      await scene.driver.destroyData(DATA)
    })

    it('that a process died over while it copied are never taken for complete, and can be destroyed', async () => {
      await scene.adopt()
      const data = await scene.driver.carveData(DATA, BE, FILES)
      await scene.atEachCut(
        (driver) => driver.cloneData(OTHER_DATA, data),
        async (driver, wasCut) => {
          expect((await scene.surveyed(driver, OTHER_DATA))?.complete ?? false).toBe(!wasCut)
          await driver.destroyData(OTHER_DATA)
          expect(await scene.surveyed(driver, OTHER_DATA)).toBeUndefined()
        },
      )
    })
  })
}
