import { chmod, copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { listFiles } from '../cache/recipe-hash.ts'
import { runTool } from '../run-tool.ts'

const DPKG_DEB = '/usr/bin/dpkg-deb'

/** The directory that holds the sources of the vendor's packages. */
export const PACKAGE_SOURCES = import.meta.dirname

export type AcmeVersion = '1.0.0' | '2.0.0' | '3.0.0'

/** A package is made of layers: files of a later one replace those of an earlier one. */
export const ACME_PACKAGES: readonly { readonly name: string; readonly version: AcmeVersion; readonly layers: readonly string[] }[] = [
  { name: 'acme-gateway', version: '1.0.0', layers: ['common', '1.0.0'] },
  { name: 'acme-gateway', version: '2.0.0', layers: ['common', '2.0.0'] },
  { name: 'acme-gateway', version: '3.0.0', layers: ['common', '2.0.0', '3.0.0'] },
  { name: 'acme-broken', version: '1.0.0', layers: ['common', '1.0.0'] },
  { name: 'acme-broken', version: '2.0.0', layers: ['common', '2.0.0'] },
  { name: 'acme-slow', version: '1.0.0', layers: ['common', '1.0.0'] },
  { name: 'acme-slow', version: '2.0.0', layers: ['common', '2.0.0'] },
]

const PROGRAM = /^(?:DEBIAN\/(?:config|preinst|postinst|prerm|postrm)|usr\/lib\/acme\/[^/]+)$/

/**
 * Builds one of the vendor's packages.
 * @param staging an empty or missing directory, left behind full
 * @param into an existing directory for the .deb
 * @returns path of the .deb
 */
export async function buildAcmePackage({ name, version, layers }: (typeof ACME_PACKAGES)[number], staging: string, into: string): Promise<string> {
  for (const layer of layers) {
    const source = join(PACKAGE_SOURCES, name, layer)
    for (const path of await listFiles(source)) {
      const target = join(staging, path)
      await mkdir(dirname(target), { recursive: true })
      await copyFile(join(source, path), target)
      await chmod(target, PROGRAM.test(path) ? 0o755 : 0o644)
    }
  }
  await runTool('/usr/bin/chmod', ['-R', 'u+rwX,go+rX,go-w', '--', staging])
  const archive = join(into, `${name}_${version}_all.deb`)
  await buildArchive(staging, archive)
  return archive
}

/** dpkg-deb as fast as it goes; a fixed time stamp makes the same bytes of the same files. */
export async function buildArchive(tree: string, archive: string): Promise<void> {
  await runTool(DPKG_DEB, ['-Zzstd', '-z1', '--root-owner-group', '--build', '--', tree, archive], { env: { SOURCE_DATE_EPOCH: '1767225600' } })
}
