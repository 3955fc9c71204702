import { describe, expect, it } from 'vitest'
import type { Volume } from '../../../src/snap/model.ts'
import { INSTALLED_FSTAB } from './driver-under-test.ts'
import { BE, DATA, FILES, OTHER_BE, OTHER_DATA, type Scene, rootOf } from './scene.ts'

export const describeDataBinding = (scene: Scene): void => {
  const fstab = async (be: typeof BE): Promise<string[][]> => {
    const text = await scene.files.readText(`${await scene.driver.beRootDirectory(be)}/etc/fstab`)
    return text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(/\s+/)]))
  }
  const linesAt = async (be: typeof BE, mountpoint: string): Promise<string[][]> => (await fstab(be)).filter((fields) => fields[1] === mountpoint)
  const optionsAt = async (be: typeof BE, mountpoint: string): Promise<(string | undefined)[]> => (await linesAt(be, mountpoint)).map((fields) => fields[3])
  /** btrfs has the volume in the options, ZFS as the device. */
  const volumeAt = async (be: typeof BE, mountpoint: string): Promise<string[]> =>
    (await linesAt(be, mountpoint)).map(([device = '', , , options = '']) => `${device} ${options}`)

  const boundFiles = async (): Promise<Volume> => {
    await scene.driver.cloneBe(BE, scene.installedRoot())
    const volume = await scene.driver.carveData(DATA, BE, FILES)
    await scene.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
    return volume
  }

  describe('the record of which data a boot environment uses', () => {
    it('names the data volume at its mount point', async () => {
      const volume = await boundFiles()
      expect(await volumeAt(BE, FILES)).toEqual([expect.stringContaining(volume.locator)])
    })

    it('names the state volume too, once there is one', async () => {
      await scene.driver.createState()
      const state = await scene.driver.stateVolume()
      await boundFiles()
      expect(await volumeAt(BE, '/var/lib/belay')).toEqual([expect.stringContaining(String(state?.locator))])
      expect((await scene.files.stat(`${await scene.driver.beRootDirectory(BE)}/var/lib/belay`))?.kind).toBe('directory')
    })

    it('keeps lines that are not belay’s, and takes the subvolume from the line of the root', async () => {
      await boundFiles()
      const text = await scene.files.readText(`${await scene.driver.beRootDirectory(BE)}/etc/fstab`)
      for (const line of INSTALLED_FSTAB.split('\n').filter((candidate) => !candidate.includes(' / '))) expect(text).toContain(line)
      expect(await optionsAt(BE, '/')).toEqual(['defaults,noatime'])
    })

    it('is one boot environment’s own', async () => {
      await boundFiles()
      await scene.driver.cloneBe(OTHER_BE, scene.installedRoot())
      expect(await optionsAt(OTHER_BE, FILES)).toEqual([])
      expect(await scene.files.readText(`${scene.machine.installed.directory}/etc/fstab`)).toBe(INSTALLED_FSTAB)
    })

    it('is replaced by the next one', async () => {
      const volume = await boundFiles()
      const copy = await scene.driver.cloneData(OTHER_DATA, volume)
      await scene.driver.bindData(BE, [{ mountpoint: FILES, data: OTHER_DATA, volume: copy }])
      expect(await volumeAt(BE, FILES)).toEqual([expect.stringContaining(copy.locator)])
      await scene.driver.bindData(BE, [])
      expect(await optionsAt(BE, FILES)).toEqual([])
    })

    it('is the same when it is written twice', async () => {
      const volume = await boundFiles()
      const once = await fstab(BE)
      await scene.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
      expect(await fstab(BE)).toEqual(once)
    })

    it('keeps lines that somebody wrote after belay’s', async () => {
      const volume = await boundFiles()
      const file = `${await scene.driver.beRootDirectory(BE)}/etc/fstab`
      await scene.files.append(file, 'LABEL=late /mnt/late ext4 noauto 0 0\n')
      await scene.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
      expect(await optionsAt(BE, '/mnt/late')).toEqual(['noauto'])
    })

    it('takes the place of a line of somebody else’s for the same mount point', async () => {
      const volume = await boundFiles()
      const file = `${await scene.driver.beRootDirectory(BE)}/etc/fstab`
      await scene.files.writeAtomic(file, `UUID=66666666-7777-4888-8999-aaaaaaaaaaaa ${FILES} ext4 defaults 0 2\n`, 0o644)
      await scene.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
      expect(await volumeAt(BE, FILES)).toEqual([expect.stringContaining(volume.locator)])
    })

    it('makes mount points that are missing, also ones with blanks', async () => {
      const volume = await boundFiles()
      const mountpoint = '/srv/my new files'
      await scene.driver.bindData(BE, [{ mountpoint, data: DATA, volume }])
      expect((await scene.files.stat(`${await scene.driver.beRootDirectory(BE)}${mountpoint}`))?.kind).toBe('directory')
      expect(await optionsAt(BE, '/srv/my\\040new\\040files')).toHaveLength(1)
      await scene.driver.bindData(BE, [{ mountpoint, data: DATA, volume }])
      expect(await optionsAt(BE, '/srv/my\\040new\\040files')).toHaveLength(1)
    })

    it('is begun where a boot environment has none', async () => {
      const volume = await boundFiles()
      const file = `${await scene.driver.beRootDirectory(BE)}/etc/fstab`
      await scene.files.remove(file)
      await scene.driver.bindData(BE, [{ mountpoint: FILES, data: DATA, volume }])
      expect(await optionsAt(BE, FILES)).toHaveLength(1)
      expect((await scene.files.stat(file))?.mode).toBe(0o644)
    })

    it('is not written through a link that leads out', async () => {
      const volume = await boundFiles()
      const root = await scene.driver.directoryOf(rootOf(await scene.driver.cloneBe(OTHER_BE, scene.installedRoot())))
      await scene.files.remove(`${root}/etc/fstab`)
      await scene.files.symlink('../lead-out/app/untouched', `${root}/etc/fstab`)
      await scene.expectRefused(scene.driver.bindData(OTHER_BE, [{ mountpoint: FILES, data: DATA, volume }]), 'path-leads-out')
      await scene.expectRefused(scene.driver.bindData(BE, [{ mountpoint: '/lead-out/app', data: DATA, volume }]), 'path-leads-out')
      expect(await scene.files.readText(`${scene.machine.installed.directory}/lead-out/app/untouched`)).toBe('untouched\n')
      expect(await optionsAt(BE, FILES)).toHaveLength(1)
    })
  })
}
