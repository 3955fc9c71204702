import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureCachedFile } from '../cache/cached-file.ts'
import { cacheDirectoryOf } from '../cache/cache-directory.ts'
import { withCacheLock } from '../cache/cache-lock.ts'
import { pruneCache } from '../cache/prune-cache.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import { findDebianArchive, releaseSource, SUITE } from '../debian-archive.ts'
import { runTool } from '../run-tool.ts'
import { ACME_PACKAGES, buildAcmePackage, PACKAGE_SOURCES } from '../vendor/package-source.ts'
import { BugError } from '../../src/errors.ts'
import type { Firmware } from './partition-table.ts'

const MMDEBSTRAP = '/usr/bin/mmdebstrap'
const CUSTOMIZE = join(import.meta.dirname, 'customize-root.sh')

const RECIPE = {
  suite: SUITE,
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

/** A root as a tar file, and the key that changes with its content. */
export interface RootArchive {
  readonly path: string
  readonly key: string
  /** What the GRUB in it is for. */
  readonly firmware: Firmware
}

/**
 * A Debian root with the release's own kernel, older than the one in the security archive, and the application's first version.
 * Built by mmdebstrap when the cache has none for this recipe; takes about a minute then.
 * @param cacheDirectory default: $BELAY_CACHE or /var/cache/belay-lab
 * @param firmware decides which GRUB is in it; each has an archive of its own, since Debian's packages for the two exclude each other
 */
export async function ensureRootArchive({
  cacheDirectory = cacheDirectoryOf(process.env),
  firmware = 'bios',
}: { readonly cacheDirectory?: string; readonly firmware?: Firmware } = {}): Promise<RootArchive> {
  const [application] = ACME_PACKAGES
  if (application === undefined) throw new BugError('the application has no first version')
  const packages = [...RECIPE.packages, ...RECIPE.loader[firmware]].sort()
  const settings = { ...RECIPE, packages, application, customize: await readFile(CUSTOMIZE, 'utf8') }
  const key = await recipeHash(
    settings,
    application.layers.map((layer) => join(PACKAGE_SOURCES, application.name, layer)),
  )
  const kind = firmware === 'bios' ? 'root' : `root-${firmware}`
  const path = join(cacheDirectory, `${kind}-${key}.tar`)
  await withCacheLock(cacheDirectory, kind, async () => {
    await ensureCachedFile(path, (temporary) => build(temporary, packages, application, `${temporary}.work`))
    await pruneCache(cacheDirectory, kind)
  })
  return { path, key, firmware }
}

async function build(target: string, packages: readonly string[], application: (typeof ACME_PACKAGES)[number], work: string): Promise<void> {
  try {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    const archive = await buildAcmePackage(application, join(work, 'staging'), work)
    // Naming the archive leaves mmdebstrap's default out, which would add the security archive and its newer kernel.
    const source = releaseSource(await findDebianArchive())
    const options = [
      '--format=tar',
      `--variant=${RECIPE.variant}`,
      '--aptopt=APT::Install-Recommends "false"',
      ...RECIPE.dpkgOptions.map((option) => `--dpkgopt=${option}`),
      `--include=${packages.join(',')}`,
      `--customize-hook=${CUSTOMIZE}`,
    ]
    await runTool(MMDEBSTRAP, [...options, RECIPE.suite, target, source], { env: { ACME_PACKAGE: archive } })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
