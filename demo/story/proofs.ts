import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'

/** What a mounted root holds, as facts that can be compared from version to version. */
export interface Facts {
  readonly kernel: string
  readonly grub: string
  readonly application: string
  /** First non-comment line of the application's configuration. */
  readonly config: string
  /** SHA-256 over the customer's files below /home and /srv/files. */
  readonly data: string
}

const versionOf = async (root: string, pattern: RegExp): Promise<string> => {
  const { stdout } = await runTool('/usr/bin/dpkg-query', [
    `--admindir=${root}/var/lib/dpkg`,
    '--show',
    '--showformat=${Package} ${Version} ${db:Status-Status}\n',
  ])
  const matches = stdout.split('\n').flatMap((line) => {
    const [name = '', version = '', status = ''] = line.split(' ')
    return pattern.test(name) && status === 'installed' ? [version] : []
  })
  return matches.toSorted().at(-1) ?? 'none'
}

const hashTree = async (directories: readonly string[]): Promise<string> => {
  const hash = createHash('sha256')
  for (const directory of directories) {
    for (const entry of (await readdir(directory, { recursive: true, withFileTypes: true }))
      .filter((item) => item.isFile())
      .toSorted((a, b) => join(a.parentPath, a.name).localeCompare(join(b.parentPath, b.name)))) {
      const path = join(entry.parentPath, entry.name)
      hash
        .update(path.slice(directory.length))
        .update('\0')
        .update(await readFile(path))
    }
  }
  return hash.digest('hex')
}

/** Read the facts of a mounted root. */
export const readFacts = async (root: string): Promise<Facts> => ({
  kernel: await versionOf(root, /^linux-image-\d/),
  grub: await versionOf(root, /^grub-pc$/),
  application: await versionOf(root, /^acme-gateway$/),
  config: (await readFile(join(root, 'etc/acme/gateway.conf'), 'utf8')).split('\n').find((line) => line !== '' && !line.startsWith('#')) ?? '',
  data: await hashTree([join(root, 'home'), join(root, 'srv/files')]),
})
