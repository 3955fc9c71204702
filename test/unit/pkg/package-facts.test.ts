import { describe, expect, it } from 'vitest'
import { canRead, highestFormat, parseDataFormat } from '../../../src/pkg/data-format.ts'
import { InvalidFileError } from '../../../src/errors.ts'
import { diffPackages } from '../../../src/pkg/package-diff.ts'
import { matchesPackageGlob } from '../../../src/pkg/package-glob.ts'
import { parsePackageRequest } from '../../../src/pkg/package-name.ts'
import { summarisePackages } from '../../../src/pkg/package-summary.ts'

const entry = (name: string, version: string, arch = 'amd64') => ({ name, arch, version })

describe('a package summary', () => {
  it('has a digest that the order of the list does not change, and any version does', () => {
    const digest = (...list: ReturnType<typeof entry>[]) => summarisePackages(list, []).digest
    expect(digest(entry('a', '1'), entry('b', '1'))).toBe(digest(entry('b', '1'), entry('a', '1')))
    expect(digest(entry('a', '1'))).not.toBe(digest(entry('a', '2')))
    expect(digest(entry('a', '1'))).not.toBe(digest(entry('a', '1', 'i386')))
    // printf 'a amd64 1\n' | sha256sum
    expect(digest(entry('a', '1'))).toBe('eb85356810c16438aaf6734414cda389e20bf59940fa19ee5a99dddae69c8b3d')
  })

  it('shows the versions of what policy calls important', () => {
    const list = [entry('linux-image-6.12.1-amd64', '6.12.1-1'), entry('grub-pc', '2.12'), entry('acme', '3')]
    expect(summarisePackages(list, ['linux-image-*', 'acme'])).toMatchObject({ count: 3, important: { 'linux-image-6.12.1-amd64': '6.12.1-1', acme: '3' } })
  })
})

describe('a package pattern', () => {
  it('takes dots and pluses as they are', () => {
    expect(matchesPackageGlob('g++', ['g++'])).toBe(true)
    expect(matchesPackageGlob('lib.c', ['libxc', 'lib?c'])).toBe(true)
    expect(matchesPackageGlob('libxc', ['lib.c'])).toBe(false)
    expect(matchesPackageGlob('my-grub-pc', ['grub-*'])).toBe(false)
  })
})

describe('a package diff', () => {
  it('tells added, removed and changed, by name and architecture', () => {
    const before = [entry('a', '1'), entry('b', '1'), entry('c', '1'), entry('d', '1')]
    const after = [entry('a', '1'), entry('b', '2'), entry('c', '1', 'all'), entry('e', '1')]
    expect(diffPackages(before, after)).toEqual({
      added: [entry('c', '1', 'all'), entry('e', '1')],
      removed: [entry('c', '1'), entry('d', '1')],
      changed: [{ name: 'b', arch: 'amd64', from: '1', to: '2' }],
    })
  })
})

describe('a package request', () => {
  it('has a name, and may have an architecture and a version', () => {
    expect(parsePackageRequest('libc6:i386=2.41-12+deb13u4')).toEqual({ name: 'libc6', arch: 'i386', version: '2.41-12+deb13u4' })
    expect(parsePackageRequest('zlib1g=1:1.3~rc1')).toEqual({ name: 'zlib1g', arch: null, version: '1:1.3~rc1' })
    expect(parsePackageRequest('g++')).toEqual({ name: 'g++', arch: null, version: null })
  })
})

describe('a data format', () => {
  it('is one semantic version', () => {
    expect(parseDataFormat('2.0.0\n', '/f')).toBe('2.0.0')
    expect(() => parseDataFormat('2', '/f')).toThrow(InvalidFileError)
    expect(() => parseDataFormat('', '/f')).toThrow('/f')
  })

  it('can be read by the same and by higher majors', () => {
    expect(canRead('2.0.0', '2.9.0')).toBe(true)
    expect(canRead('3.0.0', '2.9.0')).toBe(true)
    expect(canRead('1.9.0', '2.0.0')).toBe(false)
  })

  it('that data never had is read by all; an application without one reads no data that has', () => {
    expect(canRead(null, null)).toBe(true)
    expect(canRead('1.0.0', null)).toBe(true)
    expect(canRead(null, '1.0.0')).toBe(false)
  })

  it('rises, never falls', () => {
    expect(highestFormat('2.0.0', '10.0.0')).toBe('10.0.0')
    expect(highestFormat('2.0.0', null)).toBe('2.0.0')
    expect(highestFormat(null, null)).toBeNull()
  })
})
