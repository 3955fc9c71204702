import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'

const Seal = z.object({ bytes: z.int(), mtimeMs: z.number(), sha256: z.string() })

/** A seal is written beside a cached file when it is whole, and says what a whole one looks like. */
const sealOf = (path: string): string => `${path}.seal.json`

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

async function isWhole(path: string): Promise<boolean> {
  try {
    const seal = Seal.parse(JSON.parse(await readFile(sealOf(path), 'utf8')))
    const found = await stat(path)
    if (found.size !== seal.bytes) return false
    return found.mtimeMs === seal.mtimeMs || (await sha256(path)) === seal.sha256
  } catch {
    return false
  }
}

/**
 * Has `make` build a file when it is missing or not what was sealed (another size, or another time and content). `make` writes to the path that it is
 * given, which takes the place of the cached one only when it is complete. The caller holds the cache lock.
 */
export async function ensureCachedFile(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  if (await isWhole(path)) return
  await mkdir(dirname(path), { recursive: true })
  // One name for all builds: what a killed one left behind is replaced.
  const temporary = `${path}.new`
  try {
    await rm(sealOf(path), { force: true })
    await rm(temporary, { force: true })
    await make(temporary)
    const file = await open(temporary, 'r')
    await file.sync()
    await file.close()
    const { size, mtimeMs } = await stat(temporary)
    const seal: z.infer<typeof Seal> = { bytes: size, mtimeMs, sha256: await sha256(temporary) }
    await rename(temporary, path)
    await writeFile(sealOf(path), `${JSON.stringify(seal)}\n`)
  } finally {
    await rm(temporary, { force: true })
  }
}
