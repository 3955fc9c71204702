import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { InvalidFileError, NoSpaceError, NotFoundError, RefusedError } from '../../src/errors.ts'
import type { EntryStat, Files } from '../../src/sys/ports.ts'

/** What a test suite needs of an implementation of Files. */
export interface FilesUnderTest {
  readonly files: Files
  /** An empty directory that exists. */
  readonly directory: string
  /** An empty directory with less than 16 MiB free. */
  readonly smallDirectory: string
  /** Attach another filesystem or subvolume at a path that does not exist. */
  attachVolume(path: string): Promise<void>
}

/** What every implementation of Files promises. */
export function describeFilesContract(name: string, prepare: () => Promise<FilesUnderTest>): void {
  describe(`${name} keeps the contract of Files`, () => {
    let files: Files
    let subject: FilesUnderTest
    const at = (...names: string[]): string => join(subject.directory, ...names)
    const statOf = async (path: string): Promise<EntryStat> => {
      const stat = await files.stat(path)
      if (stat === null) throw new Error(`${path} does not exist`)
      return stat
    }

    beforeEach(async () => {
      subject = await prepare()
      files = subject.files
    })

    describe('reading', () => {
      it('gives back text and bytes that were written, and ranges that end with the file', async () => {
        await files.writeAtomic(at('a'), 'grün\n')
        expect(await files.readText(at('a'))).toBe('grün\n')
        expect(await files.readBytes(at('a'))).toEqual(Buffer.from('grün\n'))
        expect(await files.readBytes(at('a'), { offset: 4, length: 100 })).toEqual(Buffer.from('n\n'))
        expect(await files.readBytes(at('a'), { offset: 1, length: 1 })).toEqual(Buffer.from('r'))
        expect(await files.readBytes(at('a'), { offset: 100, length: 1 })).toEqual(Buffer.alloc(0))
      })

      it('hashes content', async () => {
        await files.writeAtomic(at('a'), 'content')
        expect(await files.sha256(at('a'))).toBe(createHash('sha256').update('content').digest('hex'))
      })

      it('follows links, and stat does not', async () => {
        await files.makeDirectory(at('real'))
        await files.writeAtomic(at('real', 'a'), 'through the link')
        await files.symlink('real', at('alias'))
        expect(await files.readText(at('alias', 'a'))).toBe('through the link')
        expect(await files.readLink(at('alias'))).toBe('real')
        expect((await statOf(at('alias'))).kind).toBe('symlink')
        expect((await statOf(at('alias', 'a'))).kind).toBe('file')
      })

      it('lists names in order, and throws NotFoundError for what is missing', async () => {
        for (const name of ['b', 'a', 'A', 'ä']) await files.writeAtomic(at(name), name)
        expect(await files.list(subject.directory)).toEqual(['A', 'a', 'b', 'ä'])
        expect(await files.stat(at('none'))).toBeNull()
        expect(await files.stat(at('a', 'below-a-file'))).toBeNull()
        await expect(files.readText(at('none'))).rejects.toThrow(NotFoundError)
        await expect(files.readBytes(at('none'), { offset: 0, length: 1 })).rejects.toThrow(NotFoundError)
        await expect(files.list(at('none'))).rejects.toThrow(NotFoundError)
        await expect(files.sha256(at('none'))).rejects.toThrow(NotFoundError)
        await expect(files.readLink(at('none'))).rejects.toThrow(NotFoundError)
        await expect(files.space(at('none'))).rejects.toThrow(NotFoundError)
        await expect(files.rename(at('none'), at('b'))).rejects.toThrow(NotFoundError)
        await expect(files.link(at('none'), at('b'))).rejects.toThrow(NotFoundError)
        await expect(files.copy(at('none'), at('b'))).rejects.toThrow(NotFoundError)
        expect(await files.readText(at('b'))).toBe('b')
      })
    })

    describe('writing', () => {
      it('replaces whole files and sets the mode, 0600 unless told', async () => {
        await files.writeAtomic(at('a'), 'long content')
        const first = await statOf(at('a'))
        await files.writeAtomic(at('a'), new Uint8Array([1, 2]), 0o755)
        const second = await statOf(at('a'))
        expect([first.mode, second.mode]).toEqual([0o600, 0o755])
        expect(second.size).toBe(2)
        expect(second.inode).not.toBe(first.inode)
        expect(await files.list(subject.directory)).toEqual(['a'])
      })

      it('gives a file to who is named, with the mode that is asked for', async () => {
        await files.writeAtomic(at('a'), 'content')
        expect(await statOf(at('a'))).toMatchObject({ uid: 0, gid: 0, mode: 0o600 })
        await files.writeAtomic(at('a'), 'content', 0o640, { uid: 1, gid: 101 })
        expect(await statOf(at('a'))).toMatchObject({ uid: 1, gid: 101, mode: 0o640 })
      })

      it('throws NotFoundError when the directory is missing', async () => {
        await expect(files.writeAtomic(at('none', 'a'), '')).rejects.toThrow(NotFoundError)
        await expect(files.append(at('none', 'a'), '')).rejects.toThrow(NotFoundError)
        await expect(files.symlink('x', at('none', 'a'))).rejects.toThrow(NotFoundError)
      })

      it('overwrites in place without changing size, inode or the bytes behind', async () => {
        await files.writeAtomic(at('env'), 'aaaaaaaa')
        const before = await statOf(at('env'))
        await files.overwriteInPlace(at('env'), Buffer.from('bbb'))
        expect(await files.readText(at('env'))).toBe('bbbaaaaa')
        expect(await statOf(at('env'))).toMatchObject({ inode: before.inode, size: 8 })
        await expect(files.overwriteInPlace(at('env'), Buffer.from('ccccccccc'))).rejects.toThrow(InvalidFileError)
        await expect(files.overwriteInPlace(at('none'), Buffer.from('c'))).rejects.toThrow(NotFoundError)
        expect(await files.readText(at('env'))).toBe('bbbaaaaa')
        expect(await files.stat(at('none'))).toBeNull()
      })

      it('appends, and makes the file 0600 when missing', async () => {
        await files.append(at('journal'), 'one\n')
        await files.append(at('journal'), 'two\n')
        expect(await files.readText(at('journal'))).toBe('one\ntwo\n')
        expect((await statOf(at('journal'))).mode).toBe(0o600)
      })

      it('preallocates a file of that size', async () => {
        await files.preallocate(at('reserve'), 65_536)
        expect((await statOf(at('reserve'))).size).toBe(65_536)
        expect(await files.list(subject.directory)).toEqual(['reserve'])
      })

      it('shows a later time when content or attributes change', async () => {
        await files.writeAtomic(at('a'), '1')
        const before = await statOf(at('a'))
        await files.link(at('a'), at('b'))
        const after = await statOf(at('a'))
        expect(after.mtimeNs).toBe(before.mtimeNs)
        expect(BigInt(after.ctimeNs)).toBeGreaterThanOrEqual(BigInt(before.ctimeNs))
      })
    })

    describe('directories', () => {
      it('makes one that others make at the same time', async () => {
        await Promise.all(Array.from({ length: 20 }, () => files.makeDirectory(at('shared', 'deep'))))
        expect(await files.stat(at('shared', 'deep'))).toMatchObject({ kind: 'directory' })
      })

      it('makes missing parents, and is content with what exists', async () => {
        await files.makeDirectory(at('a', 'b', 'c'), 0o755)
        await files.makeDirectory(at('a', 'b', 'c'), 0o700)
        expect(await statOf(at('a', 'b', 'c'))).toMatchObject({ kind: 'directory', mode: 0o755 })
        await files.makeDirectory(at('d'))
        expect((await statOf(at('d'))).mode).toBe(0o700)
      })

      it('refuses to make a directory of a file', async () => {
        await files.writeAtomic(at('a'), '')
        await expect(files.makeDirectory(at('a'))).rejects.toMatchObject({ code: 'EEXIST' })
      })
    })

    describe('links, copies and renames', () => {
      it('links share an inode and replace what is there', async () => {
        await files.writeAtomic(at('a'), 'shared')
        await files.writeAtomic(at('b'), 'old')
        await files.link(at('a'), at('b'))
        const [a, b] = [await statOf(at('a')), await statOf(at('b'))]
        expect(b.inode).toBe(a.inode)
        expect([a.links, b.links]).toEqual([2, 2])
        await files.overwriteInPlace(at('a'), Buffer.from('SH'))
        expect(await files.readText(at('b'))).toBe('SHared')
        await files.remove(at('a'))
        expect(await statOf(at('b'))).toMatchObject({ links: 1 })
      })

      it('linking a file to a name that it already has changes nothing', async () => {
        await files.writeAtomic(at('a'), 'shared')
        await files.link(at('a'), at('b'))
        await files.link(at('a'), at('b'))
        expect(await files.list(subject.directory)).toEqual(['a', 'b'])
        expect((await statOf(at('a'))).links).toBe(2)
      })

      it('writing a linked name anew leaves the other name alone', async () => {
        await files.writeAtomic(at('a'), 'old')
        await files.link(at('a'), at('b'))
        await files.writeAtomic(at('a'), 'new')
        expect(await files.readText(at('b'))).toBe('old')
      })

      it('copies content and mode into a file of its own', async () => {
        await files.writeAtomic(at('a'), 'content', 0o640)
        await files.copy(at('a'), at('b'))
        await files.copy(at('a'), at('c'), 0o600)
        await files.overwriteInPlace(at('a'), Buffer.from('CON'))
        expect(await files.readText(at('b'))).toBe('content')
        expect([(await statOf(at('b'))).mode, (await statOf(at('c'))).mode]).toEqual([0o640, 0o600])
        expect(await files.list(subject.directory)).toEqual(['a', 'b', 'c'])
      })

      it('renames files over files and directories over empty ones', async () => {
        await files.writeAtomic(at('a'), 'a')
        await files.writeAtomic(at('b'), 'b')
        await files.rename(at('a'), at('b'))
        expect(await files.readText(at('b'))).toBe('a')
        await files.makeDirectory(at('one'))
        await files.writeAtomic(at('one', 'x'), 'x')
        await files.makeDirectory(at('two'))
        await files.rename(at('one'), at('two'))
        expect(await files.list(at('two'))).toEqual(['x'])
        await files.makeDirectory(at('one'))
        await expect(files.rename(at('one'), at('two'))).rejects.toMatchObject({ code: 'ENOTEMPTY' })
      })

      it('refuses a symlink where something is', async () => {
        await files.writeAtomic(at('a'), 'a')
        await expect(files.symlink('x', at('a'))).rejects.toMatchObject({ code: 'EEXIST' })
      })
    })

    describe('removing', () => {
      it('takes a whole directory, the link and not its target, and is content with nothing', async () => {
        await files.makeDirectory(at('keep'))
        await files.writeAtomic(at('keep', 'x'), 'x')
        await files.makeDirectory(at('tree', 'deep'))
        await files.writeAtomic(at('tree', 'deep', 'y'), 'y')
        await files.symlink('../keep', at('tree', 'link'))
        await files.remove(at('tree'))
        await files.remove(at('tree'))
        await files.remove(at('no', 'such', 'path'))
        expect(await files.list(subject.directory)).toEqual(['keep'])
        expect(await files.list(at('keep'))).toEqual(['x'])
      })

      it('does not cross into another filesystem or subvolume, and then removes nothing', async () => {
        await files.makeDirectory(at('tree', 'a'))
        await files.writeAtomic(at('tree', 'a', 'x'), 'x')
        await subject.attachVolume(at('tree', 'volume'))
        await files.writeAtomic(at('tree', 'volume', 'precious'), 'data')
        await expect(files.remove(at('tree'))).rejects.toThrow(RefusedError)
        await expect(files.remove(at('tree', 'volume'))).rejects.toThrow(RefusedError)
        expect(await files.readText(at('tree', 'volume', 'precious'))).toBe('data')
        expect(await files.readText(at('tree', 'a', 'x'))).toBe('x')
      })

      it('a volume has another device number, and files are not linked or renamed across', async () => {
        await subject.attachVolume(at('volume'))
        expect((await statOf(at('volume'))).device).not.toBe((await statOf(subject.directory)).device)
        await files.writeAtomic(at('a'), 'a')
        await expect(files.link(at('a'), at('volume', 'a'))).rejects.toMatchObject({ code: 'EXDEV' })
        await expect(files.rename(at('a'), at('volume', 'a'))).rejects.toMatchObject({ code: 'EXDEV' })
        await files.copy(at('a'), at('volume', 'a'))
        expect(await files.list(at('volume'))).toEqual(['a'])
      })
    })

    describe('space', () => {
      it('tells free and total bytes', async () => {
        const { free, total, freeInodes } = await files.space(subject.smallDirectory)
        expect(free).toBeGreaterThan(0)
        expect(free).toBeLessThan(16 * 1024 * 1024)
        expect(total).toBeGreaterThanOrEqual(free)
        expect(freeInodes).toBeGreaterThan(0)
      })

      it('a full filesystem throws NoSpaceError and keeps the old content, without a temporary file', async () => {
        const path = join(subject.smallDirectory, 'a')
        const tooMuch = Buffer.alloc(16 * 1024 * 1024, 1)
        await files.writeAtomic(path, 'old')
        await files.writeAtomic(at('big'), tooMuch)
        await expect(files.writeAtomic(path, tooMuch)).rejects.toThrow(NoSpaceError)
        await expect(files.copy(at('big'), path)).rejects.toThrow(NoSpaceError)
        await expect(files.preallocate(path, tooMuch.length)).rejects.toThrow(NoSpaceError)
        await expect(files.append(path, 'x'.repeat(tooMuch.length))).rejects.toThrow(NoSpaceError)
        expect(await files.readText(path)).toBe('old')
        expect(await files.list(subject.smallDirectory)).toEqual(['a'])
      })
    })
  })
}
