import { describe, expect, it } from 'vitest'
import { RootFilesystem } from '../../../src/boot/kernel-arguments.ts'
import { Volume } from '../../../src/snap/model.ts'
import { BE, type Scene, rootOf } from './scene.ts'

const MIB = 1024 * 1024

export const describeState = (scene: Scene): void => {
  describe('the pool and belay’s state', () => {
    it('begins with no state and no objects', async () => {
      expect(await scene.driver.stateDirectory()).toBeNull()
      expect(await scene.driver.stateVolume()).toBeNull()
      expect(await scene.driver.survey()).toEqual([])
    })

    it('makes a state directory that keeps its content and its identity for the next process', async () => {
      const directory = await scene.driver.createState()
      await scene.files.writeAtomic(`${directory}/index.json`, 'index')
      const volume = Volume.parse(await scene.driver.stateVolume())
      const next = await scene.machine.reopen()
      expect(await next.stateVolume()).toEqual(volume)
      expect(await scene.files.readText(`${String(await next.stateDirectory())}/index.json`)).toBe('index')
    })

    it('says beforehand where the state will be', async () => {
      const planned = await scene.driver.plannedStateDirectory()
      expect(await scene.driver.createState()).toBe(planned)
    })

    it('holds space back until it is given back, for the next process too', async () => {
      await scene.driver.createState()
      expect(await scene.driver.heldBack()).toBe(0)
      await scene.driver.holdBack(0)
      for (const bytes of [4 * MIB, 8 * MIB]) {
        await scene.driver.holdBack(bytes)
        expect(await scene.driver.heldBack()).toBe(bytes)
      }
      expect(await scene.driver.survey()).toEqual([])
      const next = await scene.machine.reopen()
      expect(await next.heldBack()).toBe(8 * MIB)
      await next.holdBack(0)
      expect(await next.heldBack()).toBe(0)
    })

    it('makes the state once: asking again changes nothing', async () => {
      await scene.files.writeAtomic(`${await scene.driver.createState()}/index.json`, 'index')
      const volume = await scene.driver.stateVolume()
      expect(await scene.files.readText(`${await scene.driver.createState()}/index.json`)).toBe('index')
      expect(await scene.driver.stateVolume()).toEqual(volume)
    })

    it('makes the state also after a process died while it made it', async () => {
      await scene.atEachCut(
        async (driver) => {
          await driver.createState()
        },
        async (driver, wasCut) => {
          if (wasCut) return
          expect(await driver.stateDirectory()).not.toBeNull()
        },
      )
    })

    it('refuses to take something foreign at its place for its state', async () => {
      const precious = await scene.machine.makeForeign('state', 'state')
      await scene.expectRefused(scene.driver.createState(), 'name-occupied')
      await scene.expectRefused(scene.driver.createState(), 'name-occupied')
      expect(await scene.driver.stateDirectory()).toBeNull()
      expect(await scene.files.readText(precious)).toBe('precious')
    })

    it('does not count the state among the objects of its survey', async () => {
      await scene.driver.createState()
      expect(await scene.driver.survey()).toEqual([])
    })

    it('names the volume that is mounted at a directory, and nothing for one that is no mount of the pool', async () => {
      const { installed } = scene.machine
      expect(await scene.driver.volumeAt(installed.directory)).toEqual(installed.volume)
      expect(await scene.driver.volumeAt(`${installed.directory}/usr`)).toBeNull()
      expect(await scene.driver.volumeAt('/proc')).toBeNull()
    })

    it('knows how much room there is', async () => {
      const { free, total } = await scene.driver.space()
      expect(free).toBeGreaterThan(0)
      expect(total).toBeGreaterThanOrEqual(free)
    })

    it('tells the kernel where a root is, in a form that a command line can hold', async () => {
      const root = scene.driver.bootRoot(rootOf(await scene.driver.cloneBe(BE, scene.installedRoot())))
      expect(RootFilesystem.parse(root)).toEqual(root)
      expect(root.driver).toBe(scene.driver.kind)
    })
  })
}
