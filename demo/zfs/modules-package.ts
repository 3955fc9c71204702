import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import { buildArchive } from '../vendor/package-source.ts'

/** The files that every package of modules has. */
export const PACKAGE_FILES = join(import.meta.dirname, 'package')

/** Name of the vendor's package with OpenZFS's modules for a kernel. */
export const modulesPackageName = (kernel: string): string => `acme-zfs-modules-${kernel}`

/** @param version of OpenZFS as Debian packages it: 2.3.9-1 */
export const renderModulesControl = (kernel: string, version: string): string => `Package: ${modulesPackageName(kernel)}
Version: ${version}
Architecture: amd64
Section: contrib/kernel
Priority: optional
Maintainer: Acme Appliances <packages@acme.example>
Depends: linux-image-${kernel}, kmod
Provides: zfs-modules
Description: OpenZFS for the kernel ${kernel} of a demonstration appliance
 Its modules ready for use, so that an appliance needs no compiler.
`

/**
 * Builds the package.
 * @param modules directory with spl.ko and zfs.ko
 * @param staging a missing directory, left behind full
 * @param archive path of the .deb to write
 */
export async function buildModulesPackage(kernel: string, version: string, modules: string, staging: string, archive: string): Promise<void> {
  await cp(PACKAGE_FILES, staging, { recursive: true })
  const place = join(staging, 'usr/lib/modules', kernel, 'extra')
  await mkdir(place, { recursive: true })
  await cp(modules, place, { recursive: true })
  await writeFile(join(staging, 'DEBIAN/control'), renderModulesControl(kernel, version))
  await runTool('/usr/bin/chmod', ['-R', 'u+rwX,go+rX,go-w', '--', staging])
  await runTool('/usr/bin/chmod', ['755', '--', join(staging, 'DEBIAN/postinst'), join(staging, 'DEBIAN/postrm')])
  await buildArchive(staging, archive)
}
