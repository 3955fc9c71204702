import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runInChroot } from '../../../demo/appliance/chroot.ts'
import { releaseImages } from '../../../demo/appliance/release.ts'
import { ensureRootArchive } from '../../../demo/appliance/root-archive.ts'
import type { Suite } from '../../../demo/debian-archive.ts'
import type { RepositoryServer } from '../../../demo/vendor/repository-server.ts'
import { buildVendorRepository, sourcesList, type VendorRepository } from '../../../demo/vendor/repository.ts'
import { mountUnpackedRoot } from '../lab/unpacked-root.ts'

/** Modules for two kernels take up to half an hour the first time. */
const LIMIT_MS = 60 * 60_000

const SUITES: readonly Suite[] = ['trixie', 'bookworm']

describe.each(SUITES)('the root of an appliance on ZFS with the suite %s', (suite) => {
  let directory: string
  let root: string
  let repository: VendorRepository
  let server: RepositoryServer

  const apt = async (...args: readonly string[]) => (await runInChroot(root, '/usr/bin/apt-get', ['-q', ...args])).stdout
  const kernels = () => readdir(join(root, 'usr/lib/modules'))
  const initrdOf = async (kernel: string) => (await runInChroot(root, '/usr/bin/lsinitramfs', [`/boot/initrd.img-${kernel}`])).stdout

  beforeAll(async () => {
    directory = await mkdtemp('/var/tmp/belay-zfs-upgrade-')
    root = await mountUnpackedRoot(await ensureRootArchive({ suite, filesystem: 'zfs' }), directory)
    repository = await buildVendorRepository({ suite, zfs: true })
    server = await repository.serve()
    await writeFile(join(root, 'etc/apt/sources.list'), sourcesList(server.url))
  }, LIMIT_MS)

  afterAll(async () => {
    await server.close()
    await releaseImages(directory)
    await rm(directory, { recursive: true })
  })

  it("has the vendor's modules and nothing to build others with", async () => {
    const { stdout } = await runInChroot(root, '/usr/bin/dpkg-query', ['--show', '--showformat=${Package}\\n'])
    expect(stdout).toMatch(/^acme-zfs-modules-\d/m)
    expect(stdout).not.toMatch(/dkms|^gcc$|^linux-headers/m)
  })

  it('starts from an initrd with modules for its kernel and the same hostid', async () => {
    const [kernel = ''] = await kernels()
    const initrd = await initrdOf(kernel)
    expect(initrd).toContain(`lib/modules/${kernel}/extra/zfs.ko\n`)
    expect(initrd).toContain('etc/hostid\n')
  })

  it('is offered modules together with a kernel, or neither', async () => {
    repository.publish(['1.0.0'], { kernel: false, grub: false })
    await apt('update')
    expect(await apt('--simulate', 'dist-upgrade')).not.toMatch(/^Inst /m)
    repository.publish(['1.0.0'], { grub: false })
    await apt('update')
    const names = [...(await apt('--simulate', 'dist-upgrade')).matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name.replace(/-\d.*/, '-KERNEL'))
    expect(names.sort()).toEqual(['acme-zfs-modules', 'acme-zfs-modules-KERNEL', 'linux-image-KERNEL', 'linux-image-amd64'])
  })

  it('gets both in one run, with one initrd that holds the modules', { timeout: LIMIT_MS }, async () => {
    const before = await kernels()
    const output = await apt('--yes', 'dist-upgrade')
    const added = (await kernels()).filter((kernel) => !before.includes(kernel))
    expect(added).toHaveLength(1)
    const [kernel = ''] = added
    expect([...output.matchAll(/^update-initramfs: Generating (\S+)$/gm)].map(([, path]) => path)).toEqual([`/boot/initrd.img-${kernel}`])
    expect(await initrdOf(kernel)).toContain(`lib/modules/${kernel}/extra/zfs.ko\n`)
  })
})
