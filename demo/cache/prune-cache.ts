import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Builds of one recipe that stay: the newest, and the one before for a process that still uses it. */
const KEPT = 2

/** Removes old builds, named `kind-KEY` and whatever follows, of recipes that have changed since. The caller holds the lock of that kind. */
export async function pruneCache(cacheDirectory: string, kind: string): Promise<void> {
  const newest = new Map<string, number>()
  const names = (await readdir(cacheDirectory)).filter((name) => new RegExp(`^${kind}-[0-9a-f]{16}`).test(name))
  const keyOf = (name: string): string => name.slice(0, kind.length + 1 + 16)
  for (const name of names) {
    const { mtimeMs } = await stat(join(cacheDirectory, name))
    newest.set(keyOf(name), Math.max(mtimeMs, newest.get(keyOf(name)) ?? 0))
  }
  const kept = [...newest]
    .sort(([, left], [, right]) => right - left)
    .slice(0, KEPT)
    .map(([key]) => key)
  for (const name of names) {
    if (!kept.includes(keyOf(name))) await rm(join(cacheDirectory, name), { recursive: true })
  }
}
