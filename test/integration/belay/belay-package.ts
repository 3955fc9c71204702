import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../../../demo/run-tool.ts'
import { parsePackageIndex, renderRepositoryIndex } from '../../../demo/vendor/package-index.ts'
import { type RepositoryServer, poolFile, serveRepository } from '../../../demo/vendor/repository-server.ts'
import { buildProgram } from '../../../tools/build-program.ts'

const CHECKOUT = join(import.meta.dirname, '../../..')
const WRAPPER = '#!/bin/sh\nexec /usr/lib/belay/runtime/node /usr/lib/belay/bin/belay.js "$@"\n'

/** belay as packages of several versions, with its own runtime, in a repository of their own. */
export interface BelayRepository {
  readonly server: RepositoryServer
  /** Path of one version's package. */
  packageOf(version: string): string
  publish(versions: readonly string[]): void
  close(): Promise<void>
}

const buildPackage = async (directory: string, version: string): Promise<void> => {
  const tree = join(directory, `tree-${version}`)
  const library = join(tree, 'usr/lib/belay')
  await mkdir(join(library, 'runtime'), { recursive: true })
  await buildProgram(join(library, 'dist'), version)
  await cp(join(CHECKOUT, 'bin'), join(library, 'bin'), { recursive: true })
  await cp(join(CHECKOUT, 'libexec'), join(library, 'libexec'), { recursive: true })
  await cp(process.execPath, join(library, 'runtime/node'))
  await mkdir(join(tree, 'usr/bin'), { recursive: true })
  await writeFile(join(tree, 'usr/bin/belay'), WRAPPER)
  await chmod(join(tree, 'usr/bin/belay'), 0o755)
  await mkdir(join(tree, 'DEBIAN'))
  await writeFile(
    join(tree, 'DEBIAN/control'),
    `Package: belay\nVersion: ${version}\nArchitecture: amd64\nMaintainer: Acme <packages@acme.example>\nDescription: upgrade and rollback manager\n`,
  )
  await runTool('/usr/bin/dpkg-deb', ['-Znone', '--root-owner-group', '--build', tree, join(directory, 'pool', `belay_${version}_amd64.deb`)])
  await rm(tree, { recursive: true })
}

export const buildBelayRepository = async (versions: readonly string[]): Promise<BelayRepository> => {
  const directory = await mkdtemp(join(tmpdir(), 'belay-packages-'))
  await mkdir(join(directory, 'pool'))
  for (const version of versions) await buildPackage(directory, version)
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
