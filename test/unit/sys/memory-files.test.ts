import { describe, expect, it } from 'vitest'
import { describeFilesContract } from '../../contract/files-contract.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

describeFilesContract('MemoryFiles', async () => {
  const files = new MemoryFiles()
  await files.makeDirectory('/work')
  await files.makeDirectory('/small')
  files.limitSpace('/small', 8 * 1024 * 1024)
  return {
    files,
    directory: '/work',
    smallDirectory: '/small',
    attachVolume: (path) => {
      files.makeVolume(path)
      return Promise.resolve()
    },
  }
})

describe('MemoryFiles volumes', () => {
  it('a snapshot keeps what was there while the source goes on', async () => {
    const files = new MemoryFiles()
    files.makeVolume('/pool/root')
    await files.writeAtomic('/pool/root/a', 'before')
    await files.link('/pool/root/a', '/pool/root/b')
    files.snapshotTree('/pool/root', '/pool/snapshot', { readOnly: true })
    await files.overwriteInPlace('/pool/root/a', Buffer.from('after!'))
    await files.writeAtomic('/pool/root/c', 'new')
    expect(files.dump('/pool/snapshot')).toEqual({ '/pool/snapshot': null, '/pool/snapshot/a': 'before', '/pool/snapshot/b': 'before' })
    expect((await files.stat('/pool/snapshot/a'))?.inode).toBe((await files.stat('/pool/root/a'))?.inode)
    expect((await files.stat('/pool/snapshot/a'))?.device).not.toBe((await files.stat('/pool/root/a'))?.device)
  })

  it('a read-only volume refuses every change', async () => {
    const files = new MemoryFiles()
    files.makeVolume('/v')
    await files.writeAtomic('/v/a', 'a')
    files.setReadOnly('/v', true)
    const refused = { code: 'EROFS' }
    await expect(files.writeAtomic('/v/a', 'b')).rejects.toMatchObject(refused)
    await expect(files.append('/v/a', 'b')).rejects.toMatchObject(refused)
    await expect(files.overwriteInPlace('/v/a', Buffer.from('b'))).rejects.toMatchObject(refused)
    await expect(files.makeDirectory('/v/d')).rejects.toMatchObject(refused)
    await expect(files.link('/v/a', '/v/b')).rejects.toMatchObject(refused)
    await expect(files.rename('/v/a', '/v/b')).rejects.toMatchObject(refused)
    await expect(files.remove('/v/a')).rejects.toMatchObject(refused)
    await expect(files.symlink('a', '/v/l')).rejects.toMatchObject(refused)
    expect(files.dump('/v')).toEqual({ '/v': null, '/v/a': 'a' })
  })

  it('a snapshot has an empty directory where another volume was attached', async () => {
    const files = new MemoryFiles()
    files.makeVolume('/root')
    files.makeVolume('/root/etc/app')
    await files.writeAtomic('/root/etc/app/conf', 'x')
    files.snapshotTree('/root', '/copy')
    expect(files.dump('/copy')).toEqual({ '/copy': null, '/copy/etc': null, '/copy/etc/app': null })
    await files.remove('/copy/etc/app')
    files.snapshotTree('/root/etc/app', '/copy/etc/app')
    expect(await files.readText('/copy/etc/app/conf')).toBe('x')
  })

  it('a volume mounted at a second path is the same volume', async () => {
    const files = new MemoryFiles()
    files.makeVolume('/pool/be')
    files.mountTree('/pool/be', '/mnt')
    await files.writeAtomic('/mnt/a', 'seen from both')
    expect(await files.readText('/pool/be/a')).toBe('seen from both')
    files.removeTree('/mnt')
    expect(await files.readText('/pool/be/a')).toBe('seen from both')
  })

  it('a fault put in before an operation leaves everything as it was', async () => {
    const files = new MemoryFiles({
      before: (operation, path) => {
        if (operation === 'rename' && path === '/b') throw new Error('power cut')
      },
    })
    await files.writeAtomic('/a', 'a')
    await expect(files.rename('/a', '/b')).rejects.toThrow('power cut')
    expect(files.dump('/')).toEqual({ '/': null, '/a': 'a' })
  })
})
