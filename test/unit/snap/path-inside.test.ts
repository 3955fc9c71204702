import { describe, expect, it } from 'vitest'
import { pathInside } from '../../../src/snap/path-inside.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

const root = async (): Promise<MemoryFiles> => {
  const files = new MemoryFiles()
  await files.makeDirectory('/root/etc/app')
  await files.makeDirectory('/outside')
  await files.writeAtomic('/root/etc/file', 'x')
  await files.symlink('/outside', '/root/etc/absolute')
  await files.symlink('../../outside', '/root/etc/relative')
  await files.symlink('app', '/root/etc/inside')
  await files.symlink('/nowhere', '/root/etc/dangling')
  return files
}

describe('a path inside a root', () => {
  it.each([
    ['/etc/app', '/root/etc/app'],
    ['/etc/file', '/root/etc/file'],
    ['/etc/new', '/root/etc/new'],
    ['/opt/none/deep', '/root/opt/none/deep'],
    ['/etc/..app', '/root/etc/..app'],
    ['/', '/root'],
  ])('%s is %s', async (path, expected) => {
    expect(await pathInside(await root(), '/root', path)).toBe(expected)
  })

  it.each([
    '/etc/absolute',
    '/etc/absolute/below',
    '/etc/relative',
    '/etc/inside',
    '/etc/inside/x',
    '/etc/dangling',
    '/etc/../../outside',
    '/..',
    '/etc/./app',
  ])('%s is refused: it may lead out', async (path) => {
    await expect(pathInside(await root(), '/root', path)).rejects.toMatchObject({ code: 'path-leads-out', exitCode: 10 })
  })

  it('of the running system is the path itself', async () => {
    const files = await root()
    expect(await pathInside(files, '/', '/root/etc/app')).toBe('/root/etc/app')
    expect(await pathInside(files, '/', '/root/none/deep')).toBe('/root/none/deep')
    expect(await pathInside(files, '/', '/')).toBe('/')
    await expect(pathInside(files, '/', '/root/etc/absolute')).rejects.toMatchObject({ code: 'path-leads-out' })
  })
})
