import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Appliance } from '../../../demo/appliance/appliance.ts'
import type { Suite } from '../../../demo/debian-archive.ts'
import { createIsolatedApt } from '../../../demo/vendor/isolated-apt.ts'
import { findZfsArchive } from '../../../demo/zfs/zfs-archive.ts'
import { ensureZfsModules } from '../../../demo/zfs/zfs-modules.ts'

/** In the appliance. */
const PACKAGES = '/var/tmp/zfs-packages'

/**
 * Installs OpenZFS on a mounted appliance: modules for its kernel, which are loaded when it starts, and the tools.
 * @param work a missing directory
 */
export async function installZfs({ root, run }: Pick<Appliance, 'root' | 'run'>, suite: Suite, work: string): Promise<void> {
  const target = join(root, PACKAGES)
  await mkdir(target, { recursive: true })
  try {
    const { release } = await findZfsArchive(suite)
    const apt = await createIsolatedApt(join(work, 'apt'), [release], root)
    const archives = await apt.download(await apt.closure(['zfsutils-linux']), join(work, 'download'))
    for (const kernel of await readdir(join(root, 'usr/lib/modules'))) archives.push((await ensureZfsModules({ suite, kernel })).path)
    for (const archive of archives) await copyFile(archive, join(target, basename(archive)))
    // apt knows the order that pre-dependencies ask for; dpkg does not look for one.
    await run('/usr/bin/apt-get', ['install', '--yes', '--no-install-recommends', ...archives.map((archive) => join(PACKAGES, basename(archive)))])
    await writeFile(join(root, 'etc/modules-load.d/zfs.conf'), 'zfs\n')
  } finally {
    for (const directory of [target, work]) await rm(directory, { recursive: true, force: true })
  }
}
