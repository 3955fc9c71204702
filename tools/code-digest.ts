import { execa } from 'execa'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const GIT = '/usr/bin/git'

/**
 * SHA-256, as hexadecimal digits, of the names and contents of files that git knows, as they are in the work tree.
 * @param without places that do not count, as git's pathspecs
 */
export async function codeDigest(root: string, without: readonly string[]): Promise<string> {
  const { stdout } = await execa(GIT, ['ls-files', '-z', '--', '.', ...without.map((place) => `:(exclude)${place}`)], { cwd: root })
  const hash = createHash('sha256')
  for (const name of stdout.split('\0').filter((item) => item !== '')) {
    const content = await readFile(join(root, name)).catch(() => null)
    if (content !== null) hash.update(`${name}\0${String(content.length)}\0`).update(content)
  }
  return hash.digest('hex')
}
