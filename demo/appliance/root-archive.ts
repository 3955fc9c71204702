import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCachedFile } from '../cache/cached-file.ts'
import { cacheDirectoryOf } from '../cache/cache-directory.ts'
import { withCacheLock } from '../cache/cache-lock.ts'
import { pruneCache } from '../cache/prune-cache.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import { findDebianArchive, releaseSource, SUITE, type Suite } from '../debian-archive.ts'
import { runTool } from '../run-tool.ts'
import { indexPool } from '../vendor/package-pool.ts'
import { ACME_PACKAGES, buildAcmePackage, PACKAGE_SOURCES } from '../vendor/package-source.ts'
import { findKernelRelease } from '../zfs/kernel-release.ts'
import { buildZfsPackages } from '../zfs/vendor-packages.ts'
import { MODULES_METAPACKAGE, renderMetapackageControl } from '../zfs/modules-metapackage.ts'
import { findZfsArchive } from '../zfs/zfs-archive.ts'
import { zfsModulesKey } from '../zfs/zfs-modules.ts'
import { BugError } from '../../src/errors.ts'
import type { Filesystem, Firmware } from './partition-table.ts'

const MMDEBSTRAP = '/usr/bin/mmdebstrap'
const CUSTOMIZE = join(import.meta.dirname, 'customize-root.sh')

const RECIPE = {
  variant: 'apt',
  packages: [
    'apt-utils',
    'attr',
    'btrfs-progs',
    'busybox',
    'ca-certificates',
    'dbus',
    'debconf',
    'e2fsprogs',
    'grub-common',
    'initramfs-tools',
    'kmod',
    'linux-image-amd64',
    'login',
    'openssh-server',
    'systemd-sysv',
    'udev',
    'zstd',
  ],
  loader: {
    bios: ['grub-pc'],
    // What the installer adds where it finds EFI: signed images, and a checker for the partition's filesystem.
    efi: ['dosfstools', 'grub-efi-amd64', 'grub-efi-amd64-signed', 'shim-signed'],
  },
  dpkgOptions: [
    'path-exclude=/usr/share/doc/*',
    'path-include=/usr/share/doc/*/copyright',
    'path-exclude=/usr/share/info/*',
    'path-exclude=/usr/share/locale/*',
    'path-exclude=/usr/share/man/*',
  ],
} as const

/** The modules are the vendor's, so that none have to be built. */
const ZFS_PACKAGES = [MODULES_METAPACKAGE, 'zfs-initramfs', 'zfsutils-linux'] as const

/** What a root archive is for. */
interface RootVariant {
  readonly suite: Suite
  readonly filesystem: Filesystem
  /** Which GRUB is in it: Debian's packages for the two exclude each other. */
  readonly firmware: Firmware
}

/** A root as a tar file, and the key that changes with its content. */
export interface RootArchive extends RootVariant {
  readonly path: string
  readonly key: string
}

/** Begins the names of cached files that there is one of for each variant. */
export const cacheKindOf = (kind: string, { suite, filesystem, firmware }: RootVariant): string =>
  [kind, ...(suite === SUITE ? [] : [suite]), ...(filesystem === 'btrfs' ? [] : [filesystem]), ...(firmware === 'bios' ? [] : [firmware])].join('-')

/**
 * A Debian root with the release's own kernel, older than the one in the security archive, and the application's first version; one for ZFS has OpenZFS's
 * modules in its initrd. Built by mmdebstrap when the cache has none for this recipe: about a minute, and ten more when OpenZFS's modules have to be built.
 * @param cacheDirectory default: $BELAY_CACHE or /var/cache/belay-lab
 * @param variant default: the suite trixie, btrfs, and a BIOS
 */
export async function ensureRootArchive({
  cacheDirectory = cacheDirectoryOf(process.env),
  suite = SUITE,
  filesystem = 'btrfs',
  firmware = 'bios',
}: { readonly cacheDirectory?: string } & Partial<RootVariant> = {}): Promise<RootArchive> {
  const variant = { suite, filesystem, firmware }
  const [application] = ACME_PACKAGES
  if (application === undefined) throw new BugError('the application has no first version')
  const packages = [...RECIPE.packages, ...RECIPE.loader[firmware], ...(filesystem === 'zfs' ? ZFS_PACKAGES : [])].sort()
  const settings = { suite, ...RECIPE, packages, application, customize: await readFile(CUSTOMIZE, 'utf8'), ...(await modulesRecipe(variant)) }
  const key = await recipeHash(
    settings,
    application.layers.map((layer) => join(PACKAGE_SOURCES, application.name, layer)),
  )
  const kind = cacheKindOf('root', variant)
  const path = join(cacheDirectory, `${kind}-${key}.tar`)
  await withCacheLock(cacheDirectory, kind, async () => {
    await ensureCachedFile(path, (temporary) => build(temporary, { variant, packages, application, work: `${temporary}.work`, cacheDirectory }))
    await pruneCache(cacheDirectory, kind)
  })
  return { ...variant, path, key }
}

async function modulesRecipe({ suite, filesystem }: RootVariant): Promise<object> {
  if (filesystem === 'btrfs') return {}
  return { zfs: [await zfsModulesKey(suite, ''), renderMetapackageControl('')] }
}

interface Build {
  readonly variant: RootVariant
  readonly packages: readonly string[]
  readonly application: (typeof ACME_PACKAGES)[number]
  readonly work: string
  readonly cacheDirectory: string
}

async function build(target: string, { variant: { suite, filesystem }, packages, application, work, cacheDirectory }: Build): Promise<void> {
  try {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    const archive = await buildAcmePackage(application, join(work, 'staging'), work)
    // Naming the archive leaves mmdebstrap's default out, which would add the security archive and its newer kernel.
    const sources = filesystem === 'zfs' ? await zfsSources(suite, work, cacheDirectory) : [releaseSource(await findDebianArchive(), suite)]
    const options = [
      '--format=tar',
      `--variant=${RECIPE.variant}`,
      '--aptopt=APT::Install-Recommends "false"',
      ...RECIPE.dpkgOptions.map((option) => `--dpkgopt=${option}`),
      `--include=${packages.join(',')}`,
      `--customize-hook=${CUSTOMIZE}`,
    ]
    await runTool(MMDEBSTRAP, [...options, suite, target, ...sources], { env: { ACME_PACKAGE: archive } })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Debian with OpenZFS, and a repository in `work` with the vendor's modules for its kernel: without one, OpenZFS's initramfs hook brings zfs-dkms. */
async function zfsSources(suite: Suite, work: string, cacheDirectory: string): Promise<string[]> {
  const repository = join(work, 'repository')
  await buildZfsPackages(suite, await findKernelRelease(suite, 'release'), join(work, 'metapackage'), join(repository, 'pool'), cacheDirectory)
  await indexPool(repository)
  return [(await findZfsArchive(suite)).release, `deb [trusted=yes] copy:${repository} ./`]
}

/** Unpacks a root into an existing directory. */
export async function unpackRoot({ path }: RootArchive, directory: string): Promise<void> {
  await runTool('/usr/bin/tar', ['--extract', '--file', path, '--directory', directory, '--numeric-owner', '--xattrs', '--xattrs-include=*'])
}
