import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Files of a directory and below, as paths relative to it, sorted. */
export async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort()
}

/**
 * A key for something that is built from settings and from the files below directories: it changes when any of them does.
 * @returns 16 hexadecimal digits
 */
export async function recipeHash(settings: unknown, directories: readonly string[] = []): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(settings))
  for (const directory of directories) {
    for (const path of await listFiles(directory)) {
      hash.update(`\0${path}\0`).update(await readFile(join(directory, path)))
    }
  }
  return hash.digest('hex').slice(0, 16)
}
