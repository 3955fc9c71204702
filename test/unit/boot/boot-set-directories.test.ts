import { beforeEach, describe, expect, it } from 'vitest'
import { BootSetDirectories } from '../../../src/boot/boot-set-directories.ts'
import { BugError } from '../../../src/errors.ts'
import { type BeName, beName } from '../../../src/snap/names.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { MemorySettler } from '../../fakes/memory-settler.ts'

const ONE = beName(1)
const LINK = '/grub/belay/be/be-000001'

describe('the directories of boot sets', () => {
  let files: MemoryFiles
  let directories: BootSetDirectories

  beforeEach(async () => {
    files = new MemoryFiles()
    files.makeVolume('/grub')
    await files.makeDirectory('/grub/belay/be')
    await files.makeDirectory('/grub/belay/sets/be-000002.1')
    await files.makeDirectory('/host')
    directories = new BootSetDirectories({ files, settler: new MemorySettler(), mountpoint: '/grub' })
  })

  it.each(['../../../host', '/host', '../sets/be-000002.1', '../sets/be-000001.1/../../../../host', '../sets/be-000001.x', '../sets'])(
    'take a link to %s for no set, and replace it',
    async (target) => {
      await files.symlink(target, LINK)
      expect(await directories.has(ONE)).toBe(false)
      expect(await directories.list()).toEqual([])
      await expect(directories.of(ONE)).rejects.toMatchObject({ code: 'path-leads-out' })
      await directories.replace(ONE, (directory) => files.writeAtomic(`${directory}/entry.cfg`, 'entry'))
      expect(await directories.of(ONE)).toBe('/grub/belay/sets/be-000001.1')
      expect(await files.list('/host')).toEqual([])
    },
  )

  it('take a set that is itself a link for none', async () => {
    await files.symlink('/host', '/grub/belay/sets/be-000001.1')
    await files.symlink('../sets/be-000001.1', LINK)
    expect(await directories.has(ONE)).toBe(false)
  })

  it('are not looked for under what is no name', async () => {
    await expect(directories.remove('../../../host' as BeName)).rejects.toThrow(BugError)
    expect((await files.stat('/host'))?.kind).toBe('directory')
  })
})
