import { describe, expect, it } from 'vitest'
import { NotFoundError } from '../../../src/errors.ts'
import type { Member } from '../../../src/snap/model.ts'
import { BE, CONFIG, DATA, FILES, GENERATION, OTHER_BE, OTHER_GENERATION, type Scene, asSources, goneVolume, memberAt, recordOf, rootOf } from './scene.ts'

export const describeIdentity = (scene: Scene): void => {
  /** The members as an index would have them whose pool was rearranged since. */
  const stale = (members: readonly Member[]): Member[] => members.map((member) => ({ ...member, volume: { ...member.volume, locator: 'somewhere/else' } }))

  describe('identity', () => {
    it('is the guid: members are found where they are now, whatever the record says', async () => {
      const { be, generation } = await scene.adoptAndTake()
      expect(await scene.driver.membersOf(recordOf(stale(be)))).toEqual(be)
      expect(await scene.driver.membersOf(recordOf(stale(generation)))).toEqual(generation)
      expect(await scene.driver.directoryOf(rootOf(stale(be)))).toBe(await scene.driver.directoryOf(rootOf(be)))
    })

    it('is what snapshots and clones go by', async () => {
      const { be, generation } = await scene.adoptAndTake()
      const taken = await scene.driver.takeGeneration(OTHER_GENERATION, asSources(stale(be)))
      expect(await scene.read(memberAt(taken, CONFIG).volume, '/app.conf')).toBe('listen = 80\n')
      const clone = await scene.driver.cloneBe(OTHER_BE, asSources(stale(generation)))
      expect(await scene.read(rootOf(clone), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
      const data = await scene.driver.carveData(DATA, BE, FILES)
      expect(await scene.read(await scene.driver.cloneData('data-000002' as typeof DATA, { ...data, locator: 'somewhere/else' }), '/customer.txt')).toBe(
        'customer\n',
      )
    })

    it('keeps the rest of a record’s members, known and unknown', async () => {
      const be = (await scene.adopt()).map((member) => ({ ...member, fromTheFuture: 1 }))
      expect(await scene.driver.membersOf(recordOf(be))).toEqual(be)
    })

    it('leaves out members that are gone', async () => {
      const { generation } = await scene.adoptAndTake()
      const volume = goneVolume(scene.driver.pool)
      expect(await scene.driver.membersOf(recordOf([...generation, { role: 'data', mountpoint: FILES, volume }]))).toEqual(generation)
      expect(await scene.driver.exists(volume)).toBe(false)
      await expect(scene.driver.directoryOf(volume)).rejects.toThrow(NotFoundError)
    })

    it('of a name that was destroyed and made again is another', async () => {
      const { be, generation } = await scene.adoptAndTake()
      await scene.driver.destroyGeneration(GENERATION)
      const again = await scene.driver.takeGeneration(GENERATION, asSources(be))
      expect(rootOf(again).guid).not.toBe(rootOf(generation).guid)
      expect(await scene.driver.exists(rootOf(generation))).toBe(false)
      expect(await scene.driver.membersOf(recordOf(generation))).toEqual([])
    })

    it('outlives the process', async () => {
      const { be, generation } = await scene.adoptAndTake()
      const survey = await scene.driver.survey()
      const next = await scene.machine.reopen()
      expect(await next.survey()).toEqual(survey)
      expect(await next.membersOf(recordOf(be))).toEqual(be)
      expect(await next.membersOf(recordOf(generation))).toEqual(generation)
      expect(await next.volumeAt(scene.machine.installed.directory)).toEqual(scene.machine.installed.volume)
    })

    it('leads to the directory where a boot environment can be written', async () => {
      const be = await scene.adopt()
      const root = await scene.driver.beRootDirectory(BE)
      await scene.files.writeAtomic(`${root}/etc/written`, 'x')
      expect(await scene.read(rootOf(be), '/etc/written')).toBe('x')
      await expect(scene.driver.beRootDirectory(OTHER_BE)).rejects.toThrow(NotFoundError)
      expect(await scene.files.readText(`${root}${CONFIG}/app.conf`)).toBe('listen = 80\n')
    })

    it('tells of volumes in a volume that are not belay’s', async () => {
      await scene.machine.makeNested(`${scene.machine.installed.directory}/srv/container one`)
      const nested = await scene.driver.nestedIn(scene.machine.installed.volume)
      expect(nested).toEqual([{ path: '/srv/container one', volume: expect.anything() as unknown, mountsItself: false }])
      expect(nested[0] !== undefined && (await scene.driver.exists(nested[0].volume))).toBe(true)
      expect(await scene.driver.nestedIn(goneVolume(scene.driver.pool))).toEqual([])
    })

    it('does not take config members for somebody else’s', async () => {
      const be = await scene.adopt(BE, [CONFIG, `${CONFIG}/inner`])
      expect(await scene.driver.nestedIn(rootOf(be))).toEqual([])
      expect(await scene.driver.nestedIn(memberAt(be, CONFIG).volume)).toEqual([])
    })

    it('is there again after the driver let go of the pool', async () => {
      const be = await scene.adopt()
      await scene.driver.close()
      await scene.driver.close()
      expect(await scene.driver.membersOf(recordOf(be))).toEqual(be)
      expect(await scene.read(rootOf(be), `${CONFIG}/app.conf`)).toBe('listen = 80\n')
    })
  })
}
