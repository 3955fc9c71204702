import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureRootArchive, type RootArchive } from '../../../demo/appliance/root-archive.ts'
import { cacheDirectoryOf } from '../../../demo/cache/cache-directory.ts'
import { recipeHash } from '../../../demo/cache/recipe-hash.ts'
import { findDebianArchive, releaseSource } from '../../../demo/debian-archive.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { createIsolatedApt } from '../../../demo/vendor/isolated-apt.ts'
import { type IndexedPackage, renderRepositoryIndex } from '../../../demo/vendor/package-index.ts'
import { ensurePools, readPool } from '../../../demo/vendor/package-pool.ts'
import { rebuildPackage } from '../../../demo/vendor/rebuilt-package.ts'
import { poolFile, type RepositoryServer, serveRepository } from '../../../demo/vendor/repository-server.ts'
import { buildSmallPackages, SMALL_PACKAGES } from './small-packages.ts'

/** Front ends of apt that a minimal Debian has not. */
export const FRONT_ENDS = ['aptitude', 'packagekit', 'packagekit-tools', 'unattended-upgrades'] as const
export const LIBC = ['libc-bin', 'libc6'] as const
const NEWER = '+acme1'

/** Changes with what is done to make the pool beyond what the recipe says. */
const REVISION = 1

/** Front ends of apt with all that they need, a newer libc, and packages of one file. */
export interface AptRepository {
  readonly server: RepositoryServer
  /** Offers Debian's packages from now on, and of Acme's own those of these versions; `libc` adds the newer libc. */
  publish(own: Readonly<Record<string, string>>, options?: { readonly libc?: boolean }): void
}

const fill = async (archive: RootArchive, into: string, work: string): Promise<void> => {
  for (const directory of [into, join(work, 'root')]) await mkdir(directory, { recursive: true })
  await buildSmallPackages(join(work, 'small'), into)
  await runTool('/usr/bin/tar', ['--extract', '--file', archive.path, '--directory', join(work, 'root'), './var/lib/dpkg/status'])
  const apt = await createIsolatedApt(join(work, 'apt'), [releaseSource(await findDebianArchive(), archive.suite)], join(work, 'root'))
  await apt.download(await apt.closure(FRONT_ENDS), into)
  for (const original of await apt.download(LIBC, join(work, 'originals'))) await rebuildPackage(original, NEWER, join(work, 'staging'), into)
}

/** Serves the repository for the appliance of Debian 13 on btrfs. The packages come from the cache, or are downloaded: 30 MB. */
export const serveAptRepository = async (): Promise<AptRepository> => {
  const archive = await ensureRootArchive()
  const key = await recipeHash({ REVISION, root: archive.key, FRONT_ENDS, LIBC, SMALL_PACKAGES })
  const pools = await ensurePools({ cacheDirectory: cacheDirectoryOf(process.env), kind: 'apt-runs', key, names: ['main'] }, (out, work) =>
    fill(archive, join(out, 'main/pool'), work),
  )
  const directory = join(pools, 'main')
  const all = await readPool(directory)
  let index = renderRepositoryIndex([], new Date())
  const server = await serveRepository((path) => {
    if (path === 'Release') return { text: index.release }
    if (path === 'Packages') return { text: index.packages }
    const file = poolFile(directory, path)
    return file === null ? null : { file }
  }, 0)
  return {
    server,
    publish(own, { libc = false } = {}) {
      const isOffered = ({ name, version }: IndexedPackage): boolean => (name.startsWith('acme-') ? own[name] === version : libc || !version.endsWith(NEWER))
      index = renderRepositoryIndex(all.filter(isOffered), new Date())
    },
  }
}
