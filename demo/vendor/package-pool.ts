import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withCacheLock } from '../cache/cache-lock.ts'
import { pruneCache } from '../cache/prune-cache.ts'
import { runTool } from '../run-tool.ts'
import { type IndexedPackage, parsePackageIndex } from './package-index.ts'

const INDEX = 'Packages'

interface CachedPools {
  readonly cacheDirectory: string
  /** Begins the name in the cache. */
  readonly kind: string
  /** Changes with what they hold. */
  readonly key: string
  /** Names of directories, each with a pool/ of packages and their index. */
  readonly names: readonly string[]
}

/**
 * Pools from the cache, or made.
 * @param fill puts packages into the pool/ of each name in the directory `out`, and may leave anything in `work`
 * @returns the directory that holds them
 */
export async function ensurePools({ cacheDirectory, kind, key, names }: CachedPools, fill: (out: string, work: string) => Promise<void>): Promise<string> {
  const directory = join(cacheDirectory, `${kind}-${key}`)
  await withCacheLock(cacheDirectory, kind, async () => {
    if (await areComplete(directory, names)) return
    const work = join(cacheDirectory, `${kind}.new`)
    const out = join(work, 'out')
    try {
      for (const stale of [directory, work]) await rm(stale, { recursive: true, force: true })
      await fill(out, work)
      for (const name of names) await indexPool(join(out, name))
      await rename(out, directory)
      await pruneCache(cacheDirectory, kind)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  })
  return directory
}

/** Whether the pools are there; they are renamed into place when they are whole, so that an index means all of it. */
async function areComplete(directory: string, names: readonly string[]): Promise<boolean> {
  const indexes = await Promise.all(names.map((name) => stat(join(directory, name, INDEX)).catch(() => null)))
  return indexes.every((index) => index !== null)
}

/** Writes the index of a pool. Paths in it are relative to the directory that apt calls the repository, hence the working directory. */
export async function indexPool(directory: string): Promise<void> {
  const { stdout } = await runTool('/usr/bin/dpkg-scanpackages', ['--multiversion', 'pool'], { cwd: directory })
  await writeFile(join(directory, INDEX), stdout)
}

/** All packages of one pool. */
export async function readPool(directory: string): Promise<IndexedPackage[]> {
  return parsePackageIndex(await readFile(join(directory, INDEX), 'utf8'))
}
