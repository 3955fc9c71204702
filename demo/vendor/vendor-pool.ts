import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { NotFoundError } from '../../src/errors.ts'
import { recipeHash } from '../cache/recipe-hash.ts'
import { findDebianArchive, releaseSource, securitySource, SUITE, type Suite } from '../debian-archive.ts'
import { createIsolatedApt } from './isolated-apt.ts'
import { ensurePools } from './package-pool.ts'
import { ACME_PACKAGES, buildAcmePackage, PACKAGE_SOURCES } from './package-source.ts'
import { rebuildPackage } from './rebuilt-package.ts'

const RECIPE = {
  kernel: 'linux-image-amd64',
  grub: ['grub-common', 'grub-pc', 'grub-pc-bin', 'grub2-common'],
  /** Packages whose upgrade pulls the floor from under a tool that runs meanwhile. */
  base: {
    trixie: ['dpkg', 'libc-bin', 'libc6', 'libnode115', 'nodejs'],
    bookworm: ['dpkg', 'libc-bin', 'libc6', 'libnode108', 'nodejs'],
  },
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
export async function ensureVendorPool(suite: Suite, cacheDirectory: string): Promise<VendorPool> {
  const key = await recipeHash({ ...RECIPE, suite }, [PACKAGE_SOURCES])
  const kind = suite === SUITE ? 'vendor' : `vendor-${suite}`
  const directory = await ensurePools({ cacheDirectory, kind, key, names: ['main', 'base'] }, (out, work) =>
    buildPool(suite, { main: join(out, 'main'), base: join(out, 'base') }, work),
  )
  return { main: join(directory, 'main'), base: join(directory, 'base') }
}

async function buildPool(suite: Suite, pool: VendorPool, work: string): Promise<void> {
  const main = join(pool.main, 'pool')
  const base = join(pool.base, 'pool')
  for (const directory of [main, base]) await mkdir(directory, { recursive: true })

  const archive = await findDebianArchive()
  const release = await createIsolatedApt(join(work, 'apt-release'), [releaseSource(archive, suite)])
  const security = await createIsolatedApt(join(work, 'apt-security'), [securitySource(archive, suite)])

  const kernelPackages = [RECIPE.kernel, await kernelImage(suite, security)]
  await security.download(kernelPackages, main)
  await release.download(await release.closure(RECIPE.installable), base)

  const rebuild = async (names: readonly string[], into: string) => {
    const originals = join(work, 'originals')
    for (const original of await release.download(names, originals)) await rebuildPackage(original, RECIPE.suffix, join(work, 'staging'), into)
    await rm(originals, { recursive: true })
  }
  await rebuild(RECIPE.grub, main)
  await rebuild(RECIPE.base[suite], base)
  for (const source of ACME_PACKAGES) await buildAcmePackage(source, join(work, 'acme', source.name, source.version), main)
}

/** The image that the kernel's metapackage of the security archive stands for. */
async function kernelImage(suite: Suite, apt: { dependencies(name: string): Promise<string[]> }): Promise<string> {
  const image = (await apt.dependencies(RECIPE.kernel)).find((name) => /^linux-image-\d/.test(name))
  if (image === undefined) {
    throw new NotFoundError(`the security archive of ${suite} has no ${RECIPE.kernel} at this time`, {
      next: ['a kernel of a point release cannot stand in for it: wait for the next security update'],
    })
  }
  return image
}
