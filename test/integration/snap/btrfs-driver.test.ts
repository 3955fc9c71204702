import { execFileSync, spawn } from 'node:child_process'
import { chownSync, linkSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NoSpaceError } from '../../../src/errors.ts'
import { describeDriver, describeRefusingDriver } from '../../contract/driver-contract.ts'
import { BE, CONFIG, DATA, FILES, GENERATION, OTHER_BE, asSources } from '../../contract/driver/scene.ts'
import { BtrfsUnderTest } from './btrfs-under-test.ts'

describeDriver('BtrfsDriver', () => BtrfsUnderTest.make())
describeRefusingDriver('BtrfsDriver', () => BtrfsUnderTest.make())

describe('BtrfsDriver on a real btrfs', () => {
  let subject: BtrfsUnderTest

  beforeEach(async () => {
    subject = await BtrfsUnderTest.make()
  })
  afterEach(() => subject.release())

  const installedRoot = () => [{ role: 'root', mountpoint: '/', volume: subject.installed.volume } as const]
  const mountsBelow = (directory: string): string[] =>
    execFileSync('/usr/bin/findmnt', ['--noheadings', '--list', '--output', 'TARGET'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.startsWith(directory))

  it('destroys a boot environment in which systemd-tmpfiles made its nested subvolumes', async () => {
    await subject.driver.cloneBe(BE, installedRoot())
    const root = await subject.driver.beRootDirectory(BE)
    await subject.files.makeDirectory(`${root}/var/lib`)
    subject.btrfs('subvolume', 'create', `${root}/var/lib/portables`)
    subject.btrfs('subvolume', 'create', `${root}/var/lib/machines`)
    subject.btrfs('subvolume', 'create', `${root}/var/lib/machines/empty inside`)
    await subject.driver.destroyBe(BE)
    expect(await subject.driver.survey()).toEqual([])
  })

  it('makes nested subvolumes of a live root into empty directories of its clone, and destroys that clone', async () => {
    subject.btrfs('subvolume', 'create', `${subject.installed.directory}/portables`)
    await subject.driver.cloneBe(BE, installedRoot())
    const root = await subject.driver.beRootDirectory(BE)
    expect(await subject.files.list(`${root}/portables`)).toEqual([])
    await subject.driver.destroyBe(BE)
    expect(subject.btrfs('subvolume', 'list', subject.top)).not.toContain('be-000001')
  })

  it('keeps owners, modes, hard links, links and extended attributes of what it carves', async () => {
    await subject.driver.cloneBe(BE, installedRoot())
    const root = await subject.driver.beRootDirectory(BE)
    chownSync(`${root}${FILES}/customer.txt`, 1234, 5678)
    chownSync(`${root}${FILES}`, 1234, 5678)
    linkSync(`${root}${FILES}/customer.txt`, `${root}${FILES}/same.txt`)
    execFileSync('/usr/bin/python3', ['-c', 'import os,sys; os.setxattr(sys.argv[1], "user.belay", b"kept")', `${root}${FILES}/customer.txt`])
    chownSync(`${root}${CONFIG}/app.conf`, 42, 43)

    const data = await subject.driver.directoryOf(await subject.driver.carveData(DATA, BE, FILES))
    await subject.driver.carveConfig(BE, CONFIG)

    expect(statSync(`${data}/customer.txt`)).toMatchObject({ uid: 1234, gid: 5678, nlink: 2 })
    expect(statSync(data)).toMatchObject({ uid: 1234, gid: 5678 })
    expect(statSync(`${data}/same.txt`).ino).toBe(statSync(`${data}/customer.txt`).ino)
    expect(readlinkSync(`${data}/latest`)).toBe('customer.txt')
    const attribute = execFileSync(
      '/usr/bin/python3',
      ['-c', 'import os,sys; print(os.getxattr(sys.argv[1], "user.belay").decode())', `${data}/customer.txt`],
      { encoding: 'utf8' },
    )
    expect(attribute.trim()).toBe('kept')
    expect(statSync(`${root}${CONFIG}/app.conf`)).toMatchObject({ uid: 42, gid: 43 })
  })

  it('finishes what a process left that was killed while it wrote its mark', async () => {
    const container = join(subject.top, '@belay/be', BE)
    await subject.files.makeDirectory(container)
    writeFileSync(`${container}/.belay.json.0123456789ab.tmp`, '{"format":')
    await subject.driver.destroyBe(BE)
    expect(await subject.driver.survey()).toEqual([])
  })

  it('takes no mark that was copied from another filesystem or another object', async () => {
    await subject.driver.cloneBe(BE, installedRoot())
    const mark = await subject.files.readText(join(subject.top, '@belay/be', BE, 'belay.json'))
    const copied = join(subject.top, '@belay/be', OTHER_BE)
    await subject.files.makeDirectory(copied)
    await subject.files.writeAtomic(`${copied}/belay.json`, mark)
    expect(await subject.driver.survey()).toContainEqual({ kind: 'be', name: OTHER_BE, marked: false, complete: false })
    await subject.files.writeAtomic(`${copied}/belay.json`, mark.replace(BE, OTHER_BE).replace(subject.pool, '00000000-0000-4000-8000-000000000000'))
    expect(await subject.driver.survey()).toContainEqual({ kind: 'be', name: OTHER_BE, marked: false, complete: false })
  })

  it('reads the mount table’s escapes', async () => {
    const [root] = await subject.driver.cloneBe(BE, installedRoot())
    if (root === undefined) throw new Error('no root was cloned')
    const directory = join(subject.directory, 'mnt with\ttab, blank and \\')
    await subject.mount(root.volume, directory)
    expect(await subject.driver.volumeAt(directory)).toEqual(root.volume)
    await expect(subject.driver.destroyBe(BE)).rejects.toMatchObject({ code: 'in-use' })
  })

  it('does not take a subvolume of another btrfs for one of its pool that has the same path', async () => {
    const other = await BtrfsUnderTest.make()
    try {
      expect(await subject.driver.volumeAt(other.installed.directory)).toBeNull()
      const [root] = await other.driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: other.installed.volume }])
      if (root === undefined) throw new Error('no root was cloned')
      await other.mount(root.volume)
      await subject.driver.cloneBe(BE, installedRoot())
      await subject.driver.destroyBe(BE)
      expect(await subject.driver.survey()).toEqual([])
    } finally {
      await other.release()
    }
  })

  it('sees that a boot environment is mounted also when it knows its device by another name', async () => {
    const alias = join(subject.directory, 'by-another-name')
    symlinkSync(subject.device, alias)
    const driver = subject.open({ device: alias })
    const [root] = await driver.cloneBe(BE, installedRoot())
    if (root === undefined) throw new Error('no root was cloned')
    await subject.mount(root.volume)
    await expect(driver.destroyBe(BE)).rejects.toMatchObject({ code: 'in-use' })
  })

  it('leaves neither a mount nor its work directory behind, also when a process stands in it', async () => {
    const workDirectory = join(subject.directory, 'short-lived')
    const driver = subject.open({ workDirectory })
    await driver.cloneBe(BE, installedRoot())
    const bystander = spawn('/usr/bin/sleep', ['60'], { cwd: await driver.beRootDirectory(BE), stdio: 'ignore' })
    try {
      await driver.close()
      expect(mountsBelow(workDirectory)).toEqual([])
      expect(await subject.files.stat(workDirectory)).toBeNull()
    } finally {
      bystander.kill()
    }
  })

  it('works in the work directory of a process that was killed', async () => {
    const workDirectory = join(subject.directory, 'of-a-killed-process')
    await subject.open({ workDirectory }).survey()
    expect(mountsBelow(workDirectory)).toHaveLength(1)
    const next = subject.open({ workDirectory })
    await next.cloneBe(BE, installedRoot())
    expect(mountsBelow(workDirectory)).toHaveLength(1)
    await next.close()
    expect(mountsBelow(workDirectory)).toEqual([])
    expect(await subject.files.stat(workDirectory)).toBeNull()
  })
})

describe('BtrfsDriver on a pool that is full', () => {
  let subject: BtrfsUnderTest

  beforeEach(async () => {
    subject = await BtrfsUnderTest.make(200)
  })
  afterEach(() => subject.release())

  /** A file that cp cannot share the blocks of, because it is not copied on write and its copy would be. */
  const writeUnshareable = (path: string, mebibytes: number): void => {
    writeFileSync(path, '')
    execFileSync('/usr/bin/chattr', ['+C', path])
    execFileSync('/usr/bin/dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${String(mebibytes)}`, 'conv=notrunc,fsync'], { stdio: 'ignore' })
  }

  it('says that there is no space, and leaves nothing of the data or config that it could not copy', async () => {
    writeUnshareable(`${subject.installed.directory}${FILES}/large`, 60)
    writeUnshareable(`${subject.installed.directory}${CONFIG}/large`, 50)
    const [root] = await subject.driver.cloneBe(BE, [{ role: 'root', mountpoint: '/', volume: subject.installed.volume }])
    if (root === undefined) throw new Error('no root was cloned')
    await expect(subject.driver.carveData(DATA, BE, FILES)).rejects.toThrow(NoSpaceError)
    expect((await subject.driver.survey()).map((object) => object.name)).toEqual([BE])
    const directory = await subject.driver.beRootDirectory(BE)
    expect(await subject.files.list(`${directory}${FILES}`)).toEqual(['customer.txt', 'large', 'latest', 'shared'])

    await expect(subject.driver.carveConfig(BE, CONFIG)).rejects.toThrow(NoSpaceError)
    await subject.driver.uncarveConfig(BE, CONFIG)
    expect(await subject.files.list(`${directory}/etc`)).toEqual(['app', 'fstab'])
    expect(await subject.files.readText(`${directory}${CONFIG}/app.conf`)).toBe('listen = 80\n')
    await subject.driver.destroyBe(BE)
    expect(await subject.driver.survey()).toEqual([])
  })

  it('still destroys what stands on it', async () => {
    const members = await subject.driver.takeGeneration(GENERATION, [{ role: 'root', mountpoint: '/', volume: subject.installed.volume }])
    await subject.driver.cloneBe(BE, asSources(members))
    expect(() => {
      writeUnshareable(`${subject.top}/filler`, 1000)
    }).toThrow()
    await subject.driver.destroyBe(BE)
    await subject.driver.destroyGeneration(GENERATION)
    expect(await subject.driver.survey()).toEqual([])
  })
})
