import { beforeEach, describe, expect, it } from 'vitest'
import { readHostid } from '../../../../src/snap/zfs/hostid.ts'
import { MemoryFiles } from '../../../fakes/memory-files.ts'

const PARAMETER = '/sys/module/spl/parameters/spl_hostid'

describe('the hostid', () => {
  let files: MemoryFiles

  beforeEach(async () => {
    files = new MemoryFiles()
    for (const directory of ['/etc', '/image/etc', PARAMETER.slice(0, PARAMETER.lastIndexOf('/'))]) await files.makeDirectory(directory)
  })

  it('is what the kernel was told, before what the file says', async () => {
    await files.writeAtomic(PARAMETER, '12234508\n')
    await files.writeAtomic('/etc/hostid', new Uint8Array([1, 2, 3, 4]))
    expect(await readHostid(files, { root: '/', live: true })).toBe('0x00baaf0c')
  })

  it('is in the file when the kernel was told nothing', async () => {
    await files.writeAtomic(PARAMETER, '0\n')
    await files.writeAtomic('/etc/hostid', new Uint8Array([0x0c, 0xb1, 0xba, 0x00]))
    expect(await readHostid(files, { root: '/', live: true })).toBe('0x00bab10c')
  })

  it('of an image is in its own file, whatever this machine has', async () => {
    await files.writeAtomic(PARAMETER, '12234508\n')
    await files.writeAtomic('/image/etc/hostid', new Uint8Array([0xff, 0xff, 0xff, 0xff]))
    expect(await readHostid(files, { root: '/image', live: false })).toBe('0xffffffff')
  })

  it.each([new Uint8Array(), new Uint8Array([1, 2, 3]), new Uint8Array(4)])('is none where the file holds %j', async (content) => {
    await files.writeAtomic('/etc/hostid', content)
    expect(await readHostid(files, { root: '/', live: true })).toBeNull()
  })

  it('is none without a file', async () => {
    expect(await readHostid(files, { root: '/image', live: false })).toBeNull()
  })
})
