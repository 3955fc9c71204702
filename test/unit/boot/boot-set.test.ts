import { beforeEach, describe, expect, it } from 'vitest'
import { BootSets } from '../../../src/boot/boot-set.ts'
import { InvalidFileError, NoSpaceError, NotFoundError, RefusedError } from '../../../src/errors.ts'
import { beName } from '../../../src/snap/names.ts'
import { FixedClock } from '../../fakes/fixed-clock.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { MemorySettler } from '../../fakes/memory-settler.ts'
import { installKernel, ListingRunner, listingOf, NEWER, VERSION } from './root-with-kernels.ts'

const [ONE, TWO] = [beName(1), beName(2)] as const
const GRUB = '/boot/grub'
const ROOT = '/mnt/root'
const LIST_INITRD = '/usr/lib/belay/libexec/list-initrd'

describe('boot sets', () => {
  let files: MemoryFiles
  let runner: ListingRunner
  let settler: MemorySettler
  let sets: BootSets

  beforeEach(async () => {
    files = new MemoryFiles()
    runner = new ListingRunner()
    settler = new MemorySettler()
    sets = new BootSets({ files, runner, settler, listInitrd: LIST_INITRD, clock: new FixedClock('2026-11-21T03:00:00.000Z') })
    files.makeVolume(GRUB)
    await installKernel(files, runner, { root: ROOT, version: VERSION })
  })

  const build = (be = ONE, changes: Partial<Parameters<BootSets['build']>[0]> = {}) =>
    sets.build({ rootDirectory: ROOT, be, filesystem: 'btrfs', entryText: `entry of ${be}`, ...changes })
  const linksOf = async (path: string) => (await files.stat(path))?.links
  const settleWatch = () => settler.settled.length
  const atGrub = async (be: string, name: string): Promise<string> => files.readText(`${GRUB}/belay/be/${be}/${name}`)

  it('are the newest kernel of the root with its initrd, entry and record', async () => {
    await installKernel(files, runner, { root: ROOT, version: NEWER })
    const record = await build()
    expect(record).toMatchObject({ kernelVersion: NEWER, verifiedAt: '2026-11-21T03:00:00.000Z', format: { major: 1, minor: 0 } })
    expect(await atGrub(ONE, 'initrd.img')).toBe(`initrd of ${NEWER}`)
    expect(await atGrub(ONE, 'entry.cfg')).toBe(`entry of ${ONE}`)
    expect(await sets.read(ONE)).toEqual(record)
    expect(await sets.check(ONE, { thorough: true })).toEqual([])
  })

  it('are listed by the tools of their own root', async () => {
    await build()
    expect(runner.calls).toEqual([`${LIST_INITRD} ${ROOT} /boot/initrd.img-${VERSION}`])
    await installKernel(files, runner, { root: '/', version: VERSION })
    await build(TWO, { rootDirectory: '/' })
    expect(runner.calls.at(-1)).toBe(`/usr/bin/lsinitramfs /boot/initrd.img-${VERSION}`)
  })

  it('are recognised as current without reading anything, until the source changes', async () => {
    const record = await build()
    expect(await build()).toEqual(record)
    expect(runner.calls).toHaveLength(1)
    await installKernel(files, runner, { root: ROOT, version: VERSION, initrd: 'rebuilt' })
    expect((await build()).initrd.sha256).not.toBe(record.initrd.sha256)
    expect(await atGrub(ONE, 'initrd.img')).toBe('rebuilt')
  })

  it('are in step with the root until its newest kernel or initrd is another', async () => {
    const isInStep = () => sets.isInStep({ be: ONE, rootDirectory: ROOT, filesystem: 'btrfs' })
    expect(await isInStep()).toBe(false)
    await build()
    expect(await isInStep()).toBe(true)
    await installKernel(files, runner, { root: ROOT, version: NEWER })
    expect(await isInStep()).toBe(false)
    await build()
    expect(await isInStep()).toBe(true)
    await files.remove(`${ROOT}/boot`)
    expect(await isInStep()).toBe(false)
  })

  it('are made again when the copy on the GRUB partition was damaged', async () => {
    await build()
    await files.remove(`${GRUB}/belay/be/${ONE}/initrd.img`)
    await build()
    expect(await sets.check(ONE, { thorough: true })).toEqual([])
  })

  it('get a new entry without being built anew', async () => {
    await build()
    await build(ONE, { entryText: 'other arguments' })
    expect(await atGrub(ONE, 'entry.cfg')).toBe('other arguments')
    expect(runner.calls).toHaveLength(1)
  })

  it('share files with another boot environment by hard links, and a refresh of one leaves the other alone', async () => {
    const record = await build()
    expect(await sets.share({ from: ONE, to: TWO, entryText: 'entry of two' })).toEqual(record)
    expect(await linksOf(`${GRUB}/belay/be/${TWO}/vmlinuz`)).toBe(2)
    await installKernel(files, runner, { root: ROOT, version: VERSION, initrd: 'rebuilt' })
    await build()
    expect(await atGrub(TWO, 'initrd.img')).toBe(`initrd of ${VERSION}`)
    expect(await atGrub(TWO, 'entry.cfg')).toBe('entry of two')
    // The kernel did not change: it is still one file for both.
    expect(await linksOf(`${GRUB}/belay/be/${ONE}/vmlinuz`)).toBe(2)
    expect(await sets.check(TWO, { thorough: true })).toEqual([])
  })

  it('take over known content by a link only when it is still what was verified', async () => {
    await build()
    const [directory] = await files.list(`${GRUB}/belay/sets`)
    await files.overwriteInPlace(`${GRUB}/belay/sets/${String(directory)}/initrd.img`, Buffer.from('X'))
    await build(TWO)
    expect(await sets.check(TWO, { thorough: true })).toEqual([])
    expect(await linksOf(`${GRUB}/belay/be/${TWO}/vmlinuz`)).toBe(2)
    expect(await sets.check(ONE)).toEqual([])
    expect((await sets.check(ONE, { thorough: true })).map(({ code }) => code)).toEqual(['content-differs'])
  })

  it('replace kernel and initrd in one step, settled before and after it', async () => {
    await build()
    expect(settleWatch()).toBe(0)
    const seen: string[] = []
    const watched = new BootSets({
      files: new Proxy(files, {
        get: (target, key: keyof MemoryFiles) =>
          key === 'rename'
            ? (from: string, to: string) => {
                seen.push(`rename ${to} after ${String(settleWatch())} settles`)
                return target.rename(from, to)
              }
            : (target[key] as (...args: unknown[]) => unknown).bind(target),
      }),
      runner,
      settler,
      listInitrd: LIST_INITRD,
      clock: new FixedClock(),
    })
    await installKernel(files, runner, { root: ROOT, version: NEWER })
    await watched.build({ rootDirectory: ROOT, be: ONE, filesystem: 'btrfs', entryText: 'x' })
    expect(seen).toEqual([`rename ${GRUB}/belay/be/${ONE} after 1 settles`])
    expect(settler.settled).toEqual([GRUB, GRUB])
    expect(await files.list(`${GRUB}/belay/sets`)).toEqual([`${ONE}.2`])
  })

  it.each([
    ['kernel says another version', { says: '6.1.0-9-amd64' }, 'boot-set/version-mismatch'],
    ['kernel is none', { says: '' }, 'boot-set/kernel-unreadable'],
    ['initrd holds modules of another kernel', { listing: listingOf(VERSION) }, 'boot-set/version-mismatch'],
    ['initrd lacks the module of the root', { listing: listingOf(NEWER, ['ext4']) }, 'boot-set/initrd-lacks-module'],
    ['initrd cannot be listed', { listing: null }, 'boot-set/initrd-unreadable'],
    ['initrd breaks off between its archives', { listing: listingOf(NEWER).replace('init\n', '') }, 'boot-set/initrd-unreadable'],
  ])('are refused when the %s, and the old set stays', async (_, wrong, code) => {
    const record = await build()
    await installKernel(files, runner, { root: ROOT, version: NEWER, ...wrong })
    const error = await build().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ code })
    expect((error as RefusedError).next).not.toEqual([])
    expect(await sets.read(ONE)).toEqual(record)
    expect(await sets.check(ONE, { thorough: true })).toEqual([])
  })

  it('accept a module that is part of the kernel', async () => {
    await installKernel(files, runner, { root: ROOT, version: VERSION, listing: listingOf(VERSION, ['ext4']) })
    await files.writeAtomic(`${ROOT}/lib/modules/${VERSION}/modules.builtin`, 'kernel/fs/btrfs/btrfs.ko\n')
    expect((await build()).kernelVersion).toBe(VERSION)
  })

  it('on ZFS record which pool features their module knows', async () => {
    await installKernel(files, runner, { root: ROOT, version: VERSION, listing: listingOf(VERSION, ['zfs']) })
    await files.makeDirectory(`${ROOT}/lib/modules/${VERSION}/extra`)
    await files.writeAtomic(`${ROOT}/lib/modules/${VERSION}/modules.dep`, 'extra/zfs.ko: extra/spl.ko\n')
    await files.writeAtomic(`${ROOT}/lib/modules/${VERSION}/extra/zfs.ko`, '\0com.datto:encryption\0org.zfsonlinux:large_dnode\0')
    await build(ONE, { filesystem: 'zfs' })
    await sets.share({ from: ONE, to: TWO, entryText: 'entry' })
    expect((await sets.read(TWO))?.poolFeatures).toEqual(['encryption', 'large_dnode'])
  })

  it('say how the module of the root comes into a kernel that it was not built for', async () => {
    const missing = build(ONE, { filesystem: 'zfs' })
    await expect(missing).rejects.toMatchObject({
      code: 'boot-set/initrd-lacks-module',
      message: `/boot/initrd.img-${VERSION} lacks the module zfs for kernel ${VERSION}: it could not mount the root`,
      next: [expect.stringContaining(`dkms autoinstall -k ${VERSION}`), `update-initramfs -u -k ${VERSION}`],
    })
  })

  it('are refused when the initrd lacks a file that it must hold', async () => {
    await expect(build(ONE, { initrdHolds: ['scripts/local-premount/belay'] })).rejects.toMatchObject({ code: 'boot-set/initrd-lacks-file' })
    runner.listings.set(`/boot/initrd.img-${VERSION}`, `${listingOf(VERSION)}\nscripts/local-premount/belay\n`)
    expect((await build(ONE, { initrdHolds: ['scripts/local-premount/belay'] })).initrdHolds).toEqual(['scripts/local-premount/belay'])
  })

  it('skip a kernel whose initrd or modules are missing', async () => {
    await installKernel(files, runner, { root: ROOT, version: NEWER })
    await files.remove(`${ROOT}/boot/initrd.img-${NEWER}`)
    expect((await build()).kernelVersion).toBe(VERSION)
    await files.writeAtomic(`${ROOT}/lib/modules/${VERSION}/modules.dep`, '')
    await expect(build(TWO)).rejects.toMatchObject({ code: 'boot-set/no-modules' })
    await files.remove(`${ROOT}/boot`)
    await expect(build(TWO)).rejects.toMatchObject({ code: 'boot-set/no-kernel' })
  })

  it('leave nothing behind when the partition is full, and the old set stays', async () => {
    const record = await build()
    files.limitSpace(GRUB, 20_000)
    await installKernel(files, runner, { root: ROOT, version: NEWER, initrd: 'x'.repeat(30_000) })
    await expect(build()).rejects.toBeInstanceOf(NoSpaceError)
    expect(await files.list(`${GRUB}/belay/sets`)).toEqual([`${ONE}.1`])
    expect(await sets.read(ONE)).toEqual(record)
  })

  it('are refused when the source changes while it is copied', async () => {
    const racing = new MemoryFiles({
      before: (operation, path) => {
        if (operation === 'copy' && path.endsWith('/initrd.img')) racing.removeTree(`${ROOT}/boot/vmlinuz-${VERSION}`)
      },
    })
    racing.makeVolume(GRUB)
    await installKernel(racing, runner, { root: ROOT, version: VERSION })
    const racingSets = new BootSets({ files: racing, runner, settler, listInitrd: LIST_INITRD, clock: new FixedClock() })
    await expect(racingSets.build({ rootDirectory: ROOT, be: ONE, filesystem: 'btrfs', entryText: 'x' })).rejects.toMatchObject({
      code: 'boot-set/source-changed',
    })
    expect(await racingSets.list()).toEqual([])
  })

  it('keep fields of a newer belay when the record is written again', async () => {
    await build()
    const path = `${GRUB}/belay/be/${ONE}/boot-set.json`
    const record = JSON.parse(await files.readText(path)) as object
    await files.writeAtomic(path, JSON.stringify({ ...record, signature: { by: 'future' } }))
    await sets.share({ from: ONE, to: TWO, entryText: 'x' })
    await installKernel(files, runner, { root: ROOT, version: VERSION, initrd: 'rebuilt' })
    await build()
    for (const be of [ONE, TWO]) expect(await sets.read(be)).toMatchObject({ signature: { by: 'future' } })
  })

  it('with a record that is junk are refused to a reader, named by a check and mended by building', async () => {
    await build()
    await files.writeAtomic(`${GRUB}/belay/be/${ONE}/boot-set.json`, '{"format":')
    await expect(sets.read(ONE)).rejects.toBeInstanceOf(InvalidFileError)
    expect((await sets.check(ONE)).map(({ code }) => code)).toEqual(['record-unreadable'])
    await build()
    expect(await sets.check(ONE)).toEqual([])
  })

  it('go away with all that is theirs and nothing else', async () => {
    await build()
    await sets.share({ from: ONE, to: TWO, entryText: 'x' })
    await sets.remove(ONE)
    await sets.remove(ONE)
    expect(await sets.list()).toEqual([TWO])
    expect(await files.list(`${GRUB}/belay/sets`)).toEqual([`${TWO}.1`])
    expect(await sets.read(ONE)).toBeNull()
    expect(await sets.check(TWO, { thorough: true })).toEqual([])
    await expect(sets.share({ from: ONE, to: TWO, entryText: 'x' })).rejects.toBeInstanceOf(NotFoundError)
  })

  it('lose what an interrupted change left behind', async () => {
    await build()
    await files.makeDirectory(`${GRUB}/belay/sets/${ONE}.7`)
    await files.writeAtomic(`${GRUB}/belay/sets/${ONE}.7/vmlinuz`, 'half')
    await files.symlink('../sets/nowhere', `${GRUB}/belay/be/.${ONE}.new`)
    await files.writeAtomic(`${GRUB}/belay/sets/notes`, 'by hand')
    await sets.removeOrphans()
    expect(await files.list(`${GRUB}/belay/sets`)).toEqual([`${ONE}.1`, 'notes'])
    expect(await files.list(`${GRUB}/belay/be`)).toEqual([ONE])
  })
})
