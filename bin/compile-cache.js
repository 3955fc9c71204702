import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { cachedDataVersionTag } from 'node:v8'

/** Made when the package is configured; a checkout has none. */
export const directory = join(import.meta.dirname, '../compile-cache')

/** From here on Node takes compiled modules from a cache and adds those that are missing. `portable`: it knows them by their place beside the cache. */
export const enableIn = (cache) => enableCompileCache({ directory: cache, portable: true })

/** Uses the cache where it was made by this runtime, on this processor, for this user. It holds every module then, so that nothing is written. */
export const useIfMade = () => {
  // The name that Node (24, src/compile_cache.cc) gives it.
  const tag = cachedDataVersionTag().toString(16).padStart(8, '0')
  if (existsSync(join(directory, [process.version, process.arch, tag, process.getuid()].join('-')))) enableIn(directory)
}
