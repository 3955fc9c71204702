import { execa } from 'execa'
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { createAppliance, recoverLeftovers, type ApplianceOptions } from '../../demo/appliance/disk.ts'
import { makeEfiSystemPartition } from '../../demo/appliance/efi-system-partition.ts'
import { readFromGrubPartition } from '../../demo/appliance/grub-reads.ts'
import { findLoops } from '../../demo/appliance/loop-device.ts'
import { isWithin, readMounts } from '../../demo/appliance/mount-table.ts'
import { planLayout, writePartitionTable } from '../../demo/appliance/partition-table.ts'
import { releaseImages } from '../../demo/appliance/release.ts'
import { ensureRootArchive, type RootArchive } from '../../demo/appliance/root-archive.ts'
import { ensureCachedFile } from '../../demo/cache/cached-file.ts'
import { runTool } from '../../demo/run-tool.ts'
import { buildVendorRepository, type VendorRepository } from '../../demo/vendor/repository.ts'
import type { RepositoryServer } from '../../demo/vendor/repository-server.ts'
import { NotFoundError } from '../../src/errors.ts'

const MIB = 1024 * 1024

let scratch: string
let archive: RootArchive
let repository: VendorRepository

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'belay-appliance-'))
  archive = await ensureRootArchive()
  repository = await buildVendorRepository()
})

afterAll(async () => {
  await releaseImages(scratch)
  await rm(scratch, { recursive: true, force: true })
})

async function withAppliance(
  name: string,
  options: Omit<ApplianceOptions, 'directory' | 'archive'>,
  work: (appliance: Appliance) => Promise<void>,
): Promise<void> {
  const appliance = await createAppliance({ directory: join(scratch, name), archive, ...options })
  try {
    await work(appliance)
  } finally {
    await appliance.close()
  }
}

/** What the kernel still holds for a directory. */
async function heldFor(directory: string) {
  const loops = await findLoops((file) => isWithin(file, directory))
  const mounts = (await readMounts()).filter(({ mountpoint }) => isWithin(mountpoint, directory))
  return { loops, mounts }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

async function versionsIn(root: string, names: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await runTool('/usr/bin/dpkg-query', [`--root=${root}`, '--show', '--showformat=${Package} ${Version}\\n', ...names])
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  )
}

describe('a new appliance', () => {
  let appliance: Appliance

  beforeAll(async () => {
    appliance = await createAppliance({ directory: join(scratch, 'new'), archive })
    await appliance.boot('@rootfs')
  })

  afterAll(async () => {
    await appliance.close()
  })

  it('runs the first version of the application on the kernel of the release, with its initrd', async () => {
    const versions = await versionsIn(appliance.root, ['acme-gateway', 'linux-image-amd64'])
    expect(versions['acme-gateway']).toBe('1.0.0')
    const kernel = (await appliance.run('/bin/ls', ['/lib/modules'])).stdout.trim()
    expect(await exists(join(appliance.root, `boot/vmlinuz-${kernel}`))).toBe(true)
    const initrd = await appliance.run('/usr/bin/lsinitramfs', [`/boot/initrd.img-${kernel}`])
    expect(initrd.stdout).toContain('/btrfs.ko')
  })

  it('knows no package archive but the one that it is told of', async () => {
    const { stdout } = await appliance.run('/usr/bin/apt-get', ['indextargets', '--format', '$(URI)'])
    expect(stdout).toBe('')
  })

  it('has a GRUB partition of its own that GRUB reads from the image', async () => {
    const menu = await readFile(join(appliance.root, 'boot/grub/grub.cfg'))
    expect(menu.toString()).toContain(`root=UUID=${appliance.btrfsUuid}`)
    await appliance.unmountRoot()
    expect((await appliance.grubReads('/grub.cfg')).equals(menu)).toBe(true)
    expect((await appliance.grubReads('/i386-pc/normal.mod')).byteLength).toBeGreaterThan(50_000)
    await expect(appliance.grubReads('/belay/env')).rejects.toBeInstanceOf(NotFoundError)
    await appliance.boot('@rootfs')
  })

  it('is partitioned as its handle says', async () => {
    const { stdout } = await runTool('/usr/sbin/sgdisk', ['--print', appliance.rawImage])
    const starts = [...stdout.matchAll(/^ +\d +(\d+) +\d+ .*(EF02|8300)/gm)].map(([, start, type]) => [Number(start) * 512, type])
    expect(starts).toEqual([
      [MIB, 'EF02'],
      [appliance.grubPartition.offset, '8300'],
      [appliance.btrfsPartition.offset, '8300'],
    ])
    expect(await verified(appliance.rawImage)).toBe(true)
  })

  it("mounts what the fstab of the subvolume names, as that machine's boot would", async () => {
    const { root, btrfsUuid } = appliance
    await runTool('/usr/bin/btrfs', ['subvolume', 'create', join(root, 'vault')])
    await writeFile(join(root, 'vault/proof'), 'kept')
    await appendFile(join(root, 'etc/fstab'), `UUID=${btrfsUuid} /srv/vault btrfs subvol=@rootfs/vault,noatime,nofail 0 0\n/swap none swap sw 0 0\n`)
    await appliance.boot('@rootfs')
    expect(await readFile(join(root, 'srv/vault/proof'), 'utf8')).toBe('kept')
    expect(await readFile(join(root, 'boot/grub/grub.cfg'), 'utf8')).not.toBe('')

    await runTool('/usr/bin/btrfs', ['subvolume', 'snapshot', root, join(root, 'other')])
    await writeFile(join(root, 'other/etc/fstab'), `UUID=${btrfsUuid} / btrfs defaults 0 0\n`)
    await appliance.boot('@rootfs/other')
    expect(await exists(join(root, 'srv/vault/proof'))).toBe(false)
    await appliance.boot('@rootfs')
  })

  it('does not boot a subvolume whose fstab names a filesystem that is not there', async () => {
    const { root } = appliance
    await runTool('/usr/bin/btrfs', ['subvolume', 'snapshot', root, join(root, 'lost')])
    await writeFile(join(root, 'lost/etc/fstab'), 'UUID=00000000-0000-0000-0000-000000000000 /srv btrfs defaults 0 0\n')
    await expect(appliance.boot('@rootfs/lost')).rejects.toBeInstanceOf(NotFoundError)
    await appliance.boot('@rootfs')
  })

  it('starts with a boot sector that leads to the core image of its own GRUB', async () => {
    const core = await appliance.grubReads('/i386-pc/core.img')
    const disk = await open(appliance.rawImage)
    const read = async (offset: number, length: number) => (await disk.read(Buffer.alloc(length), 0, length, offset)).buffer
    const start = Number((await read(0x5c, 8)).readBigUInt64LE()) * 512
    expect(start).toBe(MIB)
    expect((await read(start + 512, core.byteLength - 512)).equals(core.subarray(512))).toBe(true)
    await disk.close()
  })

  it('can be mounted while another one is, and is another machine', async () => {
    await withAppliance('second', {}, async (second) => {
      await second.boot('@rootfs')
      await writeFile(join(second.root, 'home/customer/notes.txt'), 'changed')
      expect(await readFile(join(appliance.root, 'home/customer/notes.txt'), 'utf8')).toMatch(/^Pump b/)
      expect(second.btrfsUuid).not.toBe(appliance.btrfsUuid)
      expect(await readFile(join(second.root, 'etc/machine-id'), 'utf8')).not.toBe(await readFile(join(appliance.root, 'etc/machine-id'), 'utf8'))
    })
    expect(await readFile(join(appliance.root, 'home/customer/notes.txt'), 'utf8')).toMatch(/^Pump b/)
  })
})

async function verified(image: string): Promise<boolean> {
  const { stdout } = await runTool('/usr/sbin/sgdisk', ['--verify', image])
  return stdout.includes('No problems found')
}

describe("upgrades from the vendor's repository", () => {
  let appliance: Appliance
  let server: RepositoryServer

  const apt = (args: readonly string[], env: Record<string, string> = {}) => appliance.run('/usr/bin/apt-get', ['-q', ...args], { env })
  const offered = async (): Promise<Record<string, string>> => {
    await apt(['update', '-o', 'APT::Update::Error-Mode=any'])
    const { stdout } = await apt(['--simulate', 'dist-upgrade'])
    return Object.fromEntries([...stdout.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)].map(([, name, version]) => [String(name), String(version)]))
  }

  beforeAll(async () => {
    appliance = await createAppliance({ directory: join(scratch, 'upgraded'), archive })
    await appliance.boot('@rootfs')
    server = await repository.serve()
    await appliance.useRepository(server.url)
  })

  afterAll(async () => {
    await server.close()
    await appliance.close()
  })

  it('are offered as published and no other', async () => {
    repository.publish(['1.0.0'], { kernel: false, grub: false })
    expect(await offered()).toEqual({})
    repository.publish(['1.0.0', '2.0.0'])
    const before = await versionsIn(appliance.root, ['grub-pc', 'linux-image-amd64'])
    const found = await offered()
    expect(found['acme-gateway']).toBe('2.0.0')
    expect(found['grub-pc']).toBe(`${String(before['grub-pc'])}+acme1`)
    const grubVersions = ['grub-common', 'grub2-common', 'grub-pc-bin'].map((name) => found[name])
    expect(new Set([...grubVersions, found['grub-pc']]).size).toBe(1)
    expect(found['linux-image-amd64']).not.toBe(before['linux-image-amd64'])
    expect(Object.keys(found).some((name) => /^linux-image-\d/.test(name))).toBe(true)
    repository.publish(['1.0.0', '2.0.0'], { kernel: false, grub: false })
    expect(Object.keys(await offered())).toEqual(['acme-gateway'])
  })

  it('bring the new configuration and keep what the customer changed, and ask what debconf is told', async () => {
    const configuration = join(appliance.root, 'etc/acme/gateway.conf')
    await writeFile(configuration, 'interval=5\nstep=1\n')
    await appliance.run('/usr/bin/debconf-set-selections', [], { input: 'acme-gateway acme-gateway/mode select strict\n' })
    await apt(['-y', '-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold', 'install', 'acme-gateway'])
    expect((await versionsIn(appliance.root, ['acme-gateway']))['acme-gateway']).toBe('2.0.0')
    expect(await readFile(configuration, 'utf8')).toBe('interval=5\nstep=1\n')
    expect(await readFile(`${configuration}.dpkg-dist`, 'utf8')).toContain('interval=2')
    expect(await readFile(join(appliance.root, 'etc/acme/mode.conf'), 'utf8')).toBe('mode=strict\n')
    expect(await readFile(join(appliance.root, 'srv/acme/format'), 'utf8')).toBe('1.0.0\n')
  })

  it('change the data when the data format does, beyond what the version before can read', async () => {
    repository.publish(['2.0.0', '3.0.0'], { kernel: false, grub: false })
    await apt(['update'])
    await apt(['-y', 'install', 'acme-gateway'])
    expect(await readFile(join(appliance.root, 'srv/acme/format'), 'utf8')).toBe('2.0.0\n')
    expect(await readFile(join(appliance.root, 'srv/acme/records'), 'utf8')).toBe('pump-a;17;l/min\npump-b;42;l/min\nvalve-c;3;l/min\n')

    await apt(['-y', '--allow-downgrades', 'install', 'acme-gateway=2.0.0'])
    const daemon = await appliance.run('/usr/bin/timeout', ['2', '/usr/lib/acme/acme-gatewayd'], { expect: [1] })
    expect(daemon.stderr).toContain('data have format 2.0.0, this version reads 1.0.0')
  })

  it('install the kernel and GRUB with an initrd and an entry in the menu', async () => {
    repository.publish(['2.0.0'])
    await apt(['update'])
    await apt(['-y', 'dist-upgrade'])
    const kernels = (await appliance.run('/bin/ls', ['/lib/modules'])).stdout.trim().split('\n')
    expect(kernels).toHaveLength(2)
    const menu = await readFile(join(appliance.root, 'boot/grub/grub.cfg'), 'utf8')
    for (const kernel of kernels) {
      expect(await exists(join(appliance.root, `boot/initrd.img-${kernel}`))).toBe(true)
      expect(menu).toContain(`/boot/vmlinuz-${kernel} `)
    }
    expect((await appliance.run('/usr/bin/dpkg', ['--audit'])).stdout).toBe('')
  })

  it('fail half way where the package is broken', async () => {
    repository.publish(['1.0.0'])
    await apt(['update'])
    await apt(['-y', 'install', 'acme-broken'])
    repository.publish(['1.0.0', '2.0.0'])
    await apt(['update'])
    await expect(apt(['-y', 'install', 'acme-broken'])).rejects.toMatchObject({ status: 100 })
    const { stdout } = await appliance.run('/usr/bin/dpkg-query', ['--show', '--showformat=${Status} ${Version}', 'acme-broken'])
    expect(stdout).toBe('install ok half-configured 2.0.0')
    await apt(['-y', 'purge', 'acme-broken'])
  })

  it('go across the C library, dpkg and Node', async () => {
    await appliance.useRepository(server.url, { base: true })
    await apt(['update'])
    const packages = await appliance.run('/usr/bin/apt-cache', ['show', 'nodejs', 'libnode115'])
    const originals = [...packages.stdout.matchAll(/^Package: (\S+)\n(?:.+\n)*?Version: (\S+)$/gm)].filter(([, , version]) => !version?.endsWith('+acme1'))
    await apt(['-y', '--no-install-recommends', 'install', ...originals.map(([, name, version]) => `${String(name)}=${String(version)}`)])
    await apt(['-y', 'dist-upgrade'])
    const versions = await versionsIn(appliance.root, ['dpkg', 'libc-bin', 'libc6', 'libnode115', 'nodejs'])
    expect(Object.values(versions).map((version) => version.endsWith('+acme1'))).toEqual([true, true, true, true, true])
    expect((await appliance.run('/usr/bin/node', ['--print', '1 + 1'])).stdout).toBe('2\n')
  })

  it('come from a directory too', async () => {
    repository.publish(['1.0.0'], { kernel: false, grub: false })
    await repository.exportTo(join(appliance.root, 'opt/packages'))
    await writeFile(join(appliance.root, 'etc/apt/sources.list'), 'deb [trusted=yes] file:/opt/packages ./\n')
    await apt(['update', '-o', 'APT::Update::Error-Mode=any'])
    await apt(['-y', 'install', 'acme-slow'])
    expect((await versionsIn(appliance.root, ['acme-slow']))['acme-slow']).toBe('1.0.0')
  })

  it('are out of reach when the server is gone', async () => {
    await appliance.useRepository(server.url)
    await server.close()
    await expect(apt(['update', '-o', 'APT::Update::Error-Mode=any', '-o', 'Acquire::Retries=0'])).rejects.toMatchObject({ status: 100 })
  })
})

describe('the appliance that the installer makes with a /boot of its own', () => {
  it('has kernels and GRUB on one ext4 partition at /boot, and a menu that starts them from there', async () => {
    await withAppliance('boot-partition', { layout: 'boot-partition' }, async (appliance) => {
      await appliance.boot('@rootfs')
      const names = await readdir(join(appliance.root, 'boot'))
      expect(names).toEqual(expect.arrayContaining(['grub', expect.stringMatching(/^vmlinuz-/), expect.stringMatching(/^initrd\.img-/)]))
      const mounts = (await readMounts()).filter(({ mountpoint }) => isWithin(mountpoint, join(appliance.root, 'boot')))
      expect(mounts).toEqual([expect.objectContaining({ mountpoint: join(appliance.root, 'boot'), source: appliance.grubDevice, type: 'ext4' })])
      await appliance.unmountRoot()
      await runTool('/usr/bin/mount', ['-t', 'btrfs', '-o', 'subvol=@rootfs', '--', appliance.btrfsDevice, appliance.root])
      expect(await readdir(join(appliance.root, 'boot'))).toEqual([])
      await appliance.unmountRoot()

      const menu = (await appliance.grubReads('/grub.cfg')).toString()
      expect(menu).toMatch(/^\s*linux\s+\/vmlinuz-\S+ .*rootflags=subvol=@rootfs/m)
      expect(menu).toContain(`search --no-floppy --fs-uuid --set=root ${appliance.grubUuid}`)
      expect((await appliance.grubReads('/i386-pc/normal.mod')).byteLength).toBeGreaterThan(50_000)
      expect((await readFromGrubPartition(appliance.rawImage, `/${names.find((name) => name.startsWith('vmlinuz-')) ?? ''}`)).byteLength).toBeGreaterThan(
        5 * MIB,
      )
    })
  })
})

describe('the EFI system partition of an appliance', () => {
  it("holds shim and GRUB where the firmware looks for them, and what leads GRUB's signed image to its directory", async () => {
    const directory = await mkdtemp(join(scratch, 'esp-'))
    const [image, root] = [join(directory, 'disk.raw'), join(directory, 'root')]
    for (const name of ['shimx64.efi.signed', 'mmx64.efi.signed', 'fbx64.efi.signed', 'BOOTX64.CSV']) await writeInto(join(root, 'usr/lib/shim', name), name)
    await writeInto(join(root, 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed'), 'grub')
    const layout = planLayout(1024 * MIB, 64 * MIB, 'efi')
    await writeFile(image, '')
    await truncate(image, 1024 * MIB)
    await writePartitionTable(image, layout)
    await makeEfiSystemPartition({ image, range: layout.loader, serial: 'ABCD1234', root, grubUuid: 'the-partition', prefix: '/grub' })

    expect(await verified(image)).toBe(true)
    const esp = `${image}@@${String(layout.loader.offset)}`
    const read = async (path: string) => (await runTool('/usr/bin/mtype', ['-i', esp, `::${path}`])).stdout
    expect([await read('EFI/BOOT/BOOTX64.EFI'), await read('EFI/BOOT/grubx64.efi'), await read('EFI/debian/grubx64.efi')]).toEqual([
      'shimx64.efi.signed',
      'grub',
      'grub',
    ])
    expect(await read('EFI/debian/grub.cfg')).toBe("search.fs_uuid the-partition root \nset prefix=($root)'/grub'\nconfigfile $prefix/grub.cfg\n")
    expect((await runTool('/usr/sbin/blkid', ['--probe', '--offset', String(layout.loader.offset), image])).stdout).toMatch(/ UUID="ABCD-1234".* TYPE="vfat"/)
  })
})

const writeInto = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

describe('a small appliance', () => {
  it('has a GRUB partition that can be filled', async () => {
    await withAppliance('small', { sizeBytes: 2688 * MIB, grubBytes: 24 * MIB }, async (appliance) => {
      await appliance.boot('@rootfs')
      await expect(runTool('/usr/bin/dd', ['if=/dev/zero', `of=${appliance.root}/boot/grub/filling`, 'bs=1M', 'count=24'])).rejects.toMatchObject({ status: 1 })
    })
  })

  it('is refused when it cannot hold the system', async () => {
    const directory = join(scratch, 'tiny')
    await expect(createAppliance({ directory, archive, sizeBytes: 1024 * MIB })).rejects.toMatchObject({ code: 'appliance-size' })
    expect(await exists(directory)).toBe(false)
  })
})

describe('the end of an appliance', () => {
  it('leaves no mount, no loop device and no file, wherever belay mounted it, and may be asked for twice', async () => {
    const directory = join(scratch, 'closed')
    const appliance = await createAppliance({ directory, archive })
    await appliance.boot('@rootfs')
    const elsewhere = await mkdtemp(join(scratch, 'elsewhere-'))
    await runTool('/usr/bin/mount', ['-t', 'btrfs', '-o', 'subvolid=5', '--', appliance.btrfsDevice, elsewhere])
    await Promise.all([appliance.close(), appliance.close()])
    await appliance.close()
    expect(await heldFor(directory)).toEqual({ loops: [], mounts: [] })
    expect((await readMounts()).some(({ mountpoint }) => mountpoint === elsewhere)).toBe(false)
    expect(await exists(directory)).toBe(false)
  })

  it('can be brought about after its process was killed in the middle of work', async () => {
    const directory = join(scratch, 'killed')
    const [disk, rootArchive] = ['disk', 'root-archive'].map((name) => JSON.stringify(join(import.meta.dirname, `../../demo/appliance/${name}.ts`)))
    const program = `
      import { createAppliance } from ${String(disk)}
      import { ensureRootArchive } from ${String(rootArchive)}
      const appliance = await createAppliance({ directory: ${JSON.stringify(directory)}, archive: await ensureRootArchive() })
      await appliance.boot('@rootfs')
      const work = appliance.run('/bin/sh', ['-c', 'echo $$ >/var/tmp/pid; exec sleep 600'])
      const { existsSync } = await import('node:fs')
      const timer = setInterval(() => { if (existsSync(appliance.root + '/var/tmp/pid')) { clearInterval(timer); console.log('working') } }, 10)
      await work
    `
    const child = execa(process.execPath, ['--input-type=module', '--eval', program], { reject: false })
    for await (const line of child) if (line === 'working') child.kill('SIGKILL')
    const left = await heldFor(directory)
    expect([left.loops.length, left.mounts.length]).toEqual([2, 2])

    const released = await recoverLeftovers(directory)
    expect(released.processes).toHaveLength(1)
    expect(await heldFor(directory)).toEqual({ loops: [], mounts: [] })
    expect(await exists(directory)).toBe(false)
    expect(await recoverLeftovers(directory)).toEqual({ processes: [], mounts: [], loops: [] })
  })
})

describe('the cache', () => {
  it('makes a file again when it is gone, cut short or changed, and leaves the old one alone when making it fails', async () => {
    const path = join(scratch, 'cache/file')
    let made = 0
    const ensure = () =>
      ensureCachedFile(path, async (temporary) => {
        made++
        await writeFile(temporary, 'content')
      })
    await ensure()
    await ensure()
    expect(made).toBe(1)
    await truncate(path, 3)
    await ensure()
    expect([made, await readFile(path, 'utf8')]).toEqual([2, 'content'])
    await writeFile(path, 'changed')
    await ensure()
    expect([made, await readFile(path, 'utf8')]).toEqual([3, 'content'])
    await rm(path)
    await expect(ensureCachedFile(path, () => Promise.reject(new Error('no network')))).rejects.toThrow('no network')
    expect(await exists(path)).toBe(false)
    await ensure()
    expect(made).toBe(4)
  })
})
