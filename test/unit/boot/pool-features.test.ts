import { beforeEach, describe, expect, it } from 'vitest'
import { featuresInModule, readPoolFeatures } from '../../../src/boot/pool-features.ts'
import { MemoryFiles } from '../../fakes/memory-files.ts'
import { ListingRunner, VERSION } from './root-with-kernels.ts'

/** Strings as they lie in zfs.ko 2.3.9, whose linker shares the end of one with another. */
const MODULE =
  '\u007fELF\0\0large_dnode\0com.delphix:log_spacemap\0org.zfsonlinux:large_dnode\0org.zfsonlinux:large_dnode\0feature com.x:y here\0com.datto:encryption\0'
const KNOWN = ['encryption', 'large_dnode', 'log_spacemap']

describe('the pool features that a root’s ZFS knows', () => {
  const modules = `/root/lib/modules/${VERSION}`
  let files: MemoryFiles
  let runner: ListingRunner

  beforeEach(async () => {
    files = new MemoryFiles()
    runner = new ListingRunner()
    await files.makeDirectory(`${modules}/updates/dkms`)
  })

  it('are the identifiers in its module, each once', () => {
    expect(featuresInModule(MODULE)).toEqual(KNOWN)
  })

  it('are read where the kernel’s dependencies say that the module is', async () => {
    await files.writeAtomic(`${modules}/modules.dep`, 'kernel/fs/xzfs.ko:\nupdates/dkms/zfs.ko: updates/dkms/spl.ko\n')
    await files.writeAtomic(`${modules}/updates/dkms/zfs.ko`, MODULE)
    expect(await readPoolFeatures({ files, runner }, '/root', VERSION)).toEqual(KNOWN)
    expect(runner.calls).toEqual([])
  })

  it('are those of the module that had the table before OpenZFS 2.2 too', async () => {
    await files.writeAtomic(`${modules}/modules.dep`, 'extra/zfs.ko: extra/zunicode.ko extra/zcommon.ko extra/spl.ko\nextra/zcommon.ko: extra/spl.ko\n')
    await files.makeDirectory(`${modules}/extra`)
    await files.writeAtomic(`${modules}/extra/zfs.ko`, '\0org.openzfs:txg_log_time\0')
    await files.writeAtomic(`${modules}/extra/zcommon.ko`, MODULE)
    expect(await readPoolFeatures({ files, runner }, '/root', VERSION)).toEqual([...KNOWN, 'txg_log_time'])
  })

  it('are unpacked first when the module is packed', async () => {
    await files.writeAtomic(`${modules}/modules.dep`, 'updates/dkms/zfs.ko.xz: updates/dkms/spl.ko.xz\n')
    runner.listings.set(`${modules}/updates/dkms/zfs.ko.xz`, MODULE)
    expect(await readPoolFeatures({ files, runner }, '/root', VERSION)).toEqual(KNOWN)
    expect(runner.calls).toEqual([`/usr/bin/xz --decompress --stdout -- ${modules}/updates/dkms/zfs.ko.xz`])
  })

  it('are not known without a module, or when it cannot be unpacked', async () => {
    expect(await readPoolFeatures({ files, runner }, '/root', VERSION)).toBeNull()
    await files.writeAtomic(`${modules}/modules.dep`, 'kernel/fs/xzfs.ko:\n')
    expect(await readPoolFeatures({ files, runner }, '/root', VERSION)).toBeNull()
    await files.writeAtomic(`${modules}/modules.dep`, 'updates/dkms/zfs.ko.zst:\n')
    expect(await readPoolFeatures({ files, runner }, '/root', VERSION)).toBeNull()
  })
})
