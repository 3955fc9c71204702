import { describe, expect, it } from 'vitest'
import { readTimeZone } from '../../../src/boot/time-zone.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'

const zoneOf = async (localtime: string | null, timezone: string | null): Promise<string> => {
  const files = new MemoryFiles()
  await files.makeDirectory('/mnt')
  await files.makeDirectory('/mnt/etc')
  if (localtime !== null) await files.symlink(localtime, '/mnt/etc/localtime')
  if (timezone !== null) await files.writeAtomic('/mnt/etc/timezone', timezone)
  return readTimeZone(files, '/mnt/etc')
}

describe('the time zone of a root', () => {
  it.each([
    ['/usr/share/zoneinfo/Europe/Vienna', null, 'Europe/Vienna'],
    ['../usr/share/zoneinfo/America/Argentina/Buenos_Aires', 'Europe/Vienna\n', 'America/Argentina/Buenos_Aires'],
    ['/usr/share/zoneinfo/posix/Asia/Tokyo', null, 'Asia/Tokyo'],
    ['/usr/share/zoneinfo/Etc/GMT+5', null, 'Etc/GMT+5'],
    [null, 'Europe/Vienna\n', 'Europe/Vienna'],
  ])('localtime %s, timezone %j: %s', async (localtime, timezone, zone) => {
    expect(await zoneOf(localtime, timezone)).toBe(zone)
  })

  it.each([
    [null, null],
    ['/usr/share/zoneinfo/Middle/Earth', null],
    ['/etc/passwd', 'no such place\n'],
    ['/usr/share/zoneinfo/../../etc/passwd', null],
    [null, `${'a'.repeat(200)}\n`],
  ])('is UTC when it is not known: %s, %j', async (localtime, timezone) => {
    expect(await zoneOf(localtime, timezone)).toBe('UTC')
  })
})
