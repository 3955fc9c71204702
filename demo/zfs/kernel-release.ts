import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NotFoundError } from '../../src/errors.ts'
import type { Suite } from '../debian-archive.ts'
import { createIsolatedApt } from '../vendor/isolated-apt.ts'
import { findZfsArchive, type ZfsArchive } from './zfs-archive.ts'

/** Stands for the newest kernel of an archive. */
const METAPACKAGE = 'linux-image-amd64'

/**
 * The newest kernel of the release, or of its security updates, as `uname -r` gives it: `6.12.107+deb13-amd64`.
 * @throws NotFoundError when the archive has none at this time
 */
export async function findKernelRelease(suite: Suite, from: keyof ZfsArchive): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'belay-kernel-release-'))
  try {
    const apt = await createIsolatedApt(directory, [(await findZfsArchive(suite))[from]])
    const release = (await apt.dependencies(METAPACKAGE)).flatMap((name) => /^linux-image-(\d.*)$/.exec(name)?.[1] ?? [])[0]
    if (release === undefined) throw new NotFoundError(`the ${from} archive of ${suite} has no ${METAPACKAGE} at this time`)
    return release
  } finally {
    await rm(directory, { recursive: true })
  }
}
