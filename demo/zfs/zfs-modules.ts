import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectoryOf } from '../cache/cache-directory.ts'
import { withCacheLock } from '../cache/cache-lock.ts'
import { ensureCachedFile } from '../cache/cached-file.ts'
import { pruneCache } from '../cache/prune-cache.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import type { Suite } from '../debian-archive.ts'
import { runTool } from '../run-tool.ts'
import { buildModulesPackage, modulesPackageName, PACKAGE_FILES, renderModulesControl } from './modules-package.ts'
import { findZfsArchive } from './zfs-archive.ts'

const MMDEBSTRAP = '/usr/bin/mmdebstrap'
const EXPORT = join(import.meta.dirname, 'export-modules.sh')

const RECIPE = { variant: 'apt', source: 'zfs-dkms' } as const

export interface ZfsModulesOptions {
  readonly suite: Suite
  /** As `uname -r` gives it. */
  readonly kernel: string
  /** Default: $BELAY_CACHE or /var/cache/belay-lab */
  readonly cacheDirectory?: string
}

/** OpenZFS's modules for one kernel as a Debian package. */
export interface ZfsModules {
  readonly path: string
  /** Name of the package; its file is named otherwise. */
  readonly name: string
  /** Changes with its content. */
  readonly key: string
}

/**
 * OpenZFS's modules for a kernel of Debian, built from zfs-dkms in a root that is thrown away, when the cache has none. That takes about six minutes on
 * two idle processors. The kernel's headers have to be in Debian's archive.
 */
export async function ensureZfsModules({ suite, kernel, cacheDirectory = cacheDirectoryOf(process.env) }: ZfsModulesOptions): Promise<ZfsModules> {
  const key = await zfsModulesKey(suite, kernel)
  const kind = `zfs-modules-${kernel.replaceAll('+', '-')}`
  const path = join(cacheDirectory, `${kind}-${key}.deb`)
  await withCacheLock(cacheDirectory, kind, async () => {
    await ensureCachedFile(path, (temporary) => build(temporary, suite, kernel, `${temporary}.work`))
    await pruneCache(cacheDirectory, kind)
  })
  return { path, name: modulesPackageName(kernel), key }
}

/** Changes with the way in which the modules for a kernel are made into a package. */
export async function zfsModulesKey(suite: Suite, kernel: string): Promise<string> {
  const settings = { ...RECIPE, suite, kernel, control: renderModulesControl(kernel, ''), export: await readFile(EXPORT, 'utf8') }
  return recipeHash(settings, [PACKAGE_FILES])
}

async function build(target: string, suite: Suite, kernel: string, work: string): Promise<void> {
  try {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    const { release, security } = await findZfsArchive(suite)
    const options = [
      '--format=null',
      `--variant=${RECIPE.variant}`,
      '--aptopt=APT::Install-Recommends "false"',
      // Its postinst builds for every kernel that has headers in the root (dkms 3.1, common.postinst).
      `--include=${RECIPE.source},linux-headers-${kernel}`,
      `--customize-hook=${EXPORT}`,
    ]
    await runTool(MMDEBSTRAP, [...options, suite, '/dev/null', release, security], { env: { KERNEL: kernel, OUTPUT: work } })
    const version = await readFile(join(work, 'version'), 'utf8')
    await buildModulesPackage(kernel, version, join(work, 'modules'), join(work, 'staging'), target)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
