import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../../src/errors.ts'
import { BE, DATA, FILES, GENERATION, OTHER_BE, OTHER_DATA, type Scene, asSources, goneVolume, rootOf } from './scene.ts'

/** Of a driver that cannot adopt. */
export const describeRefusedAdoption = (scene: Scene): void => {
  describe('data that somebody made and mounted', () => {
    it('is refused, and nothing is changed', async () => {
      const { volume, directory } = await scene.machine.makeMounted()
      await scene.expectRefused(scene.driver.checkDataAdoption(volume), 'layout/mounted-data')
      await scene.expectRefused(scene.driver.adoptData(DATA, volume), 'layout/mounted-data')
      await scene.driver.unadoptData(DATA)
      expect(await scene.driver.survey()).toEqual([])
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
    })
  })
}

/** Of a driver that can. */
export const describeDataAdoption = (scene: Scene): void => {
  describe('data that somebody made and mounted', () => {
    it('becomes belay’s where it is: the same volume, mounted as before', async () => {
      const { volume, directory } = await scene.machine.makeMounted()
      expect(await scene.driver.volumeAt(directory)).toEqual(volume)
      expect(await scene.driver.checkDataAdoption(volume)).toEqual({ mountsItself: true, inner: [] })
      expect(await scene.driver.survey()).toEqual([])
      expect(await scene.driver.adoptData(DATA, volume)).toEqual(volume)
      const next = await scene.machine.reopen()
      expect(await next.survey()).toEqual([{ kind: 'data', name: DATA, marked: true, complete: true }])
      expect(await next.volumeAt(directory)).toEqual(volume)
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
    })

    it('is left to the fstab of boot environments when that is asked for, and stays mounted', async () => {
      const { volume, directory } = await scene.machine.makeMounted()
      await scene.driver.adoptData(DATA, volume)
      await scene.driver.mountDataByFstab(DATA)
      await scene.driver.mountDataByFstab(DATA)
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
      await scene.driver.unadoptData(DATA)
      expect(await scene.driver.checkDataAdoption(volume)).toEqual({ mountsItself: false, inner: [] })
    })

    it('can be given back, a second time too, and although it never was adopted', async () => {
      const { volume, directory } = await scene.machine.makeMounted()
      await scene.driver.unadoptData(DATA)
      await scene.driver.adoptData(DATA, volume)
      await scene.driver.unadoptData(DATA)
      await scene.driver.unadoptData(DATA)
      expect(await scene.driver.survey()).toEqual([])
      expect(await scene.driver.checkDataAdoption(volume)).toEqual({ mountsItself: true, inner: [] })
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
    })

    it('is snapshotted, copied and bound as any other', async () => {
      const be = await scene.adopt()
      const { volume, directory } = await scene.machine.makeMounted()
      await scene.driver.adoptData(DATA, volume)
      const taken = await scene.driver.takeGeneration(GENERATION, [...asSources(be), { role: 'data', mountpoint: FILES, volume }])
      await scene.files.writeAtomic(`${directory}/customer.txt`, 'changed\n')
      const member = taken.find(({ role }) => role === 'data')
      if (member === undefined) throw new Error('the generation has no data')
      expect(await scene.read(member.volume, '/customer.txt')).toBe('customer\n')
      const before = await scene.driver.cloneData(OTHER_DATA, member.volume)
      expect(await scene.read(before, '/customer.txt')).toBe('customer\n')
      await scene.write(before, '/customer.txt', 'in the copy\n')
      expect(await scene.read(volume, '/customer.txt')).toBe('changed\n')

      await scene.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
      await scene.driver.cloneBe(OTHER_BE, asSources(taken))
      await scene.driver.bindData(OTHER_BE, [{ mountpoint: FILES, data: OTHER_DATA, volume: before }])
      const fstab = async (name: typeof BE): Promise<string> => scene.files.readText(`${await scene.driver.beRootDirectory(name)}/etc/fstab`)
      expect(await fstab(BE)).toContain(volume.locator)
      expect(await fstab(OTHER_BE)).toContain(before.locator)
      expect(await scene.driver.nestedIn(rootOf(be))).toEqual([])
      await scene.driver.destroyGeneration(GENERATION)
      expect(await scene.read(before, '/customer.txt')).toBe('in the copy\n')
    })

    it('is not destroyed while it is mounted, and then leaves its copies', async () => {
      const { volume, directory, unmount } = await scene.machine.makeMounted()
      await scene.driver.adoptData(DATA, volume)
      const copy = await scene.driver.cloneData(OTHER_DATA, volume)
      await scene.expectRefused(scene.driver.checkDestroy({ kind: 'data', name: DATA }), 'in-use')
      await scene.expectRefused(scene.driver.destroyData(DATA), 'in-use')
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
      await unmount()
      await scene.driver.destroyData(DATA)
      await scene.driver.destroyData(DATA)
      expect(await scene.driver.exists(volume)).toBe(false)
      expect(await scene.read(copy, '/customer.txt')).toBe('customer\n')
      await scene.driver.destroyData(OTHER_DATA)
      expect(await scene.driver.survey()).toEqual([])
    })

    it('is not adopted twice, not by a name that is taken, and not when it is gone', async () => {
      const { volume } = await scene.machine.makeMounted()
      const precious = await scene.machine.makeForeign('data', OTHER_DATA)
      await scene.expectRefused(scene.driver.adoptData(OTHER_DATA, volume), 'name-occupied')
      expect(await scene.files.readText(precious)).toBe('precious')
      await scene.driver.adoptData(DATA, volume)
      await scene.expectRefused(scene.driver.checkDataAdoption(volume), 'layout/marked')
      await scene.expectRefused(scene.driver.adoptData(DATA, volume), 'layout/marked')
      await expect(scene.driver.adoptData(DATA, goneVolume(scene.driver.pool))).rejects.toThrow(NotFoundError)
    })

    it('that a process died over while it adopted can be given back', async () => {
      const { volume, directory } = await scene.machine.makeMounted()
      await scene.atEachCut(
        (driver) => driver.adoptData(DATA, volume),
        async (driver, wasCut) => {
          expect((await scene.surveyed(driver, DATA))?.complete ?? false).toBe(!wasCut)
          await driver.unadoptData(DATA)
          expect(await driver.survey()).toEqual([])
          expect(await driver.checkDataAdoption(volume)).toEqual({ mountsItself: true, inner: [] })
        },
      )
      expect(await scene.files.readText(`${directory}/customer.txt`)).toBe('customer\n')
    })
  })
}
