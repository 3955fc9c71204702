import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NotFoundError } from '../../src/errors.ts'
import { withCacheLock } from '../cache/cache-lock.ts'
import { pruneCache } from '../cache/prune-cache.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import { findDebianArchive, releaseSource, securitySource, SUITE } from '../debian-archive.ts'
import { runTool } from '../run-tool.ts'
import { createIsolatedApt } from './isolated-apt.ts'
import { ACME_PACKAGES, buildAcmePackage, PACKAGE_SOURCES } from './package-source.ts'
import { rebuildPackage } from './rebuilt-package.ts'

const RECIPE = {
  suite: SUITE,
  kernel: 'linux-image-amd64',
  grub: ['grub-common', 'grub-pc', 'grub-pc-bin', 'grub2-common'],
  /** Packages whose upgrade pulls the floor from under a tool that runs meanwhile. */
  base: ['dpkg', 'libc-bin', 'libc6', 'libnode115', 'nodejs'],
  /** Not installed on the appliance: offered in Debian's version, with all that it needs, so that it can be installed and then upgraded. */
  installable: ['nodejs'],
  suffix: '+acme1',
} as const

/** Two directories, `main` and `base`, each with pool/*.deb and an index of all of it in `Packages`. */
export interface VendorPool {
  readonly main: string
  readonly base: string
}

/** Builds the pool, or finds it in the cache. Takes about 20 s and 150 MB of downloads the first time. */
export async function ensureVendorPool(cacheDirectory: string): Promise<VendorPool> {
  const key = await recipeHash(RECIPE, [PACKAGE_SOURCES])
  const directory = join(cacheDirectory, `vendor-${key}`)
  const pool = { main: join(directory, 'main'), base: join(directory, 'base') }
  await withCacheLock(cacheDirectory, 'vendor', async () => {
    if (await isComplete(pool)) return
    const work = join(cacheDirectory, 'vendor.new')
    try {
      for (const stale of [directory, work]) await rm(stale, { recursive: true, force: true })
      await buildPool({ main: join(work, 'out/main'), base: join(work, 'out/base') }, work)
      await rename(join(work, 'out'), directory)
      await pruneCache(cacheDirectory, 'vendor')
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return pool
}

/** Whether the pool is there; it is renamed into place when it is whole, so that an index means all of it. */
async function isComplete(pool: VendorPool): Promise<boolean> {
  const indexes = await Promise.all([pool.main, pool.base].map((directory) => stat(join(directory, 'Packages')).catch(() => null)))
  return indexes.every((index) => index !== null)
}

async function buildPool(pool: VendorPool, work: string): Promise<void> {
  const main = join(pool.main, 'pool')
  const base = join(pool.base, 'pool')
  for (const directory of [main, base]) await mkdir(directory, { recursive: true })

  const archive = await findDebianArchive()
  const release = await createIsolatedApt(join(work, 'apt-release'), [releaseSource(archive)])
  const security = await createIsolatedApt(join(work, 'apt-security'), [securitySource(archive)])

  const kernelPackages = [RECIPE.kernel, await kernelImage(security)]
  await security.download(kernelPackages, main)
  await release.download(await release.closure(RECIPE.installable), base)

  const rebuild = async (names: readonly string[], into: string) => {
    const originals = join(work, 'originals')
    for (const original of await release.download(names, originals)) await rebuildPackage(original, RECIPE.suffix, join(work, 'staging'), into)
    await rm(originals, { recursive: true })
  }
  await rebuild(RECIPE.grub, main)
  await rebuild(RECIPE.base, base)
  for (const source of ACME_PACKAGES) await buildAcmePackage(source, join(work, 'acme', source.name, source.version), main)

  for (const directory of [pool.main, pool.base]) {
    // Paths in the index are relative to the directory that apt calls the repository, hence the working directory.
    const { stdout } = await runTool('/usr/bin/dpkg-scanpackages', ['--multiversion', 'pool'], { cwd: directory })
    await writeFile(join(directory, 'Packages'), stdout)
  }
}

/** The image that the kernel's metapackage of the security archive stands for. */
async function kernelImage(apt: { dependencies(name: string): Promise<string[]> }): Promise<string> {
  const image = (await apt.dependencies(RECIPE.kernel)).find((name) => /^linux-image-\d/.test(name))
  if (image === undefined) {
    throw new NotFoundError(`the security archive of ${SUITE} has no ${RECIPE.kernel} at this time`, {
      next: ['a kernel of a point release cannot stand in for it: wait for the next security update'],
    })
  }
  return image
}
