import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { releaseImages } from '../../../demo/appliance/release.ts'
import { cacheDirectoryOf } from '../../../demo/cache/cache-directory.ts'
import { withCacheLock } from '../../../demo/cache/cache-lock.ts'
import { ensureCachedFile } from '../../../demo/cache/cached-file.ts'
import { pruneCache } from '../../../demo/cache/prune-cache.ts'
import { convertToQcow2 } from './qcow2.ts'

interface MachineImage {
  /** Begins its name in the cache. */
  readonly kind: string
  /** Changes with what it holds. */
  readonly key: string
  /** Installs a machine on a raw image in a missing directory, which is gone afterwards. @returns path of the image */
  readonly install: (directory: string) => Promise<string>
  /** Starts the machine on the qcow2 itself, waits until it is up and switches it off. */
  readonly runOnce: (disk: string) => Promise<void>
}

/** The disk of a machine that has run once, so that what Debian does at its first start is done; a qcow2 that is never written again. From the cache, or made. */
export async function ensureMachineImage({ kind, key, install, runOnce }: MachineImage): Promise<string> {
  const cacheDirectory = cacheDirectoryOf(process.env)
  const path = join(cacheDirectory, `${kind}-${key}.qcow2`)
  await withCacheLock(cacheDirectory, kind, async () => {
    await ensureCachedFile(path, async (temporary) => {
      const directory = `${temporary}.work`
      const clear = async () => {
        await releaseImages(directory)
        await rm(directory, { recursive: true, force: true })
      }
      try {
        await clear()
        await convertToQcow2(await install(directory), temporary)
      } finally {
        await clear()
      }
      await runOnce(temporary)
    })
    await pruneCache(cacheDirectory, kind)
  })
  return path
}
