import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildDebianPackage } from '../../../tools/build-package.ts'

/**
 * Builds belay's Debian package from the checkout, hands it over and deletes it. Packed lightly: in an emulated guest, unpacking xz takes a minute.
 * @param work gets the path of the .deb
 */
export async function withBelayArchive<Result>(work: (archive: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp('/var/tmp/belay-archive-')
  try {
    return await work(await buildDebianPackage({ outputDirectory: join(directory, 'out'), compression: 'zstd' }))
  } finally {
    await rm(directory, { recursive: true })
  }
}
