import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { parsePackageIndex, renderRepositoryIndex } from '../../../demo/vendor/package-index.ts'
import { type RepositoryServer, poolFile, serveRepository } from '../../../demo/vendor/repository-server.ts'
import { buildDebianPackage } from '../../../tools/build-package.ts'

/** The Debian package of belay in several versions, in a repository of their own. */
export interface BelayRepository {
  readonly server: RepositoryServer
  /** Path of one version's package. */
  packageOf(version: string): string
  publish(versions: readonly string[]): void
  close(): Promise<void>
}

export const buildBelayRepository = async (versions: readonly string[]): Promise<BelayRepository> => {
  const directory = await mkdtemp(join(tmpdir(), 'belay-packages-'))
  const outputDirectory = join(directory, 'pool')
  for (const version of versions) await buildDebianPackage({ version, outputDirectory, compression: 'none' })
  const { stdout } = await runTool('/usr/bin/dpkg-scanpackages', ['--multiversion', 'pool'], { cwd: directory })
  const offered = parsePackageIndex(stdout)
  let index = renderRepositoryIndex(offered, new Date())
  const server = await serveRepository((path) => {
    if (path === 'Release') return { text: index.release }
    if (path === 'Packages') return { text: index.packages }
    const file = poolFile(directory, path)
    return file === null ? null : { file }
  }, 0)
  return {
    server,
    packageOf: (version) => join(directory, 'pool', `belay_${version}_amd64.deb`),
    publish(wanted) {
      index = renderRepositoryIndex(
        offered.filter((candidate) => wanted.includes(candidate.version)),
        new Date(),
      )
    },
    async close() {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
