import { posix } from 'node:path'
import { RefusedError } from '../errors.ts'
import type { Files, Runner } from '../sys/ports.ts'

const CP = '/usr/bin/cp'
const SYNC = '/usr/bin/sync'

/** What stays on the partition: GRUB's own directory, and what fsck.ext4 makes. */
const STAYS = new Set(['grub', 'lost+found'])

/**
 * Makes a directory hold what another one at /boot holds: kernels, initrds and what belongs to them, with owners, times and attributes, but for GRUB's directory. A
 * filesystem that is mounted below becomes an empty directory. Durable on return, and compared byte by byte.
 * @throws RefusedError `boot-set/source-changed` when a file is not what was copied
 */
export async function copyBoot({ files, runner }: { readonly files: Files; readonly runner: Runner }, from: string, to: string): Promise<void> {
  await files.makeDirectory(to, 0o755)
  // What lay below the mount point was never /boot: a forgotten kernel in it would be taken for one of this system.
  for (const name of await files.list(to)) await files.remove(posix.join(to, name))
  const device = (await files.stat(from))?.device
  for (const name of (await files.list(from)).filter((candidate) => !STAYS.has(candidate))) {
    const [source, copy] = [posix.join(from, name), posix.join(to, name)]
    if ((await files.stat(source))?.device === device) await runner.run(CP, ['--archive', '--one-file-system', '--no-target-directory', '--', source, copy])
    else await files.makeDirectory(copy, 0o755)
  }
  await runner.run(SYNC, ['--file-system', '--', to])
  for (const name of await files.list(to)) await compare(files, posix.join(from, name), posix.join(to, name))
}

async function compare(files: Files, source: string, copy: string): Promise<void> {
  const [wanted, found] = [await files.stat(source), await files.stat(copy)]
  if (found?.kind === 'directory') {
    for (const name of await files.list(copy)) await compare(files, posix.join(source, name), posix.join(copy, name))
    return
  }
  const same =
    wanted?.kind === found?.kind &&
    (found?.kind !== 'file' || (wanted?.size === found.size && (await files.sha256(source)) === (await files.sha256(copy)))) &&
    (found?.kind !== 'symlink' || (await files.readLink(source)) === (await files.readLink(copy)))
  if (same) return
  throw new RefusedError('boot-set/source-changed', `${source} changed while it was copied`, {
    next: ['wait until the package manager is done, and try again'],
    data: { path: source },
  })
}
