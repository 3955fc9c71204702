import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** What the ZFS driver relies on, without the driver. */
describe('OpenZFS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'belay-openzfs-'))
  const pool = `belaytest${String(process.pid)}`
  const zfs = (...args: string[]): string => execFileSync('/usr/sbin/zfs', args, { encoding: 'utf8' })
  const zpool = (...args: string[]): string => execFileSync('/usr/sbin/zpool', args, { encoding: 'utf8' })
  const property = (name: string, dataset: string): string => zfs('get', '-H', '-p', '-o', 'value', name, dataset).trim()

  beforeAll(() => {
    const image = join(directory, 'image')
    writeFileSync(image, '')
    truncateSync(image, 256 * 1024 * 1024)
    zpool('create', '-O', 'canmount=off', '-O', 'mountpoint=none', pool, image)
    zfs('create', `${pool}/root`)
    zfs('create', `${pool}/root/config`)
  })
  afterAll(() => {
    zpool('destroy', '-f', pool)
    rmSync(directory, { recursive: true })
  })

  it('has tools and a kernel module of one version', () => {
    const [tools, kernel] = zfs('version').trim().split('\n')
    expect(tools).toMatch(/^zfs-\d/)
    expect(kernel).toBe(tools?.replace('zfs-', 'zfs-kmod-'))
  })

  it('snapshots parent and child in one transaction', () => {
    zfs('snapshot', '-r', `${pool}/root@both`)
    expect(property('createtxg', `${pool}/root/config@both`)).toBe(property('createtxg', `${pool}/root@both`))
  })

  it('takes snapshots that are named in one call in one transaction, or none of them', () => {
    zfs('snapshot', `${pool}/root/config@taken`)
    expect(() => zfs('snapshot', `${pool}/root@taken`, `${pool}/root/config@taken`)).toThrow('dataset already exists')
    expect(zfs('list', '-H', '-o', 'name', '-t', 'snapshot', '-r', pool)).not.toContain(`${pool}/root@taken`)
  })

  it('keeps the GUID of a snapshot that promote moves to the clone', () => {
    zfs('snapshot', `${pool}/root@origin`)
    const guid = property('guid', `${pool}/root@origin`)
    zfs('clone', `${pool}/root@origin`, `${pool}/clone`)
    zfs('promote', `${pool}/clone`)
    expect(property('guid', `${pool}/clone@origin`)).toBe(guid)
  })
})
