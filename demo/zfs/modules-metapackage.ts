import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildArchive } from '../vendor/package-source.ts'
import { modulesPackageName } from './modules-package.ts'

/** Stands for the modules of the newest kernel, as linux-image-amd64 does for the kernel. */
export const MODULES_METAPACKAGE = 'acme-zfs-modules'

/** @param kernel as `uname -r` gives it; newer ones have to be higher versions for dpkg too: `6.12.107+deb13`, `6.1.0-50` */
export const renderMetapackageControl = (kernel: string): string => `Package: ${MODULES_METAPACKAGE}
Version: ${kernel.replace(/-amd64$/, '')}
Architecture: amd64
Section: contrib/kernel
Priority: optional
Maintainer: Acme Appliances <packages@acme.example>
Depends: ${modulesPackageName(kernel)}
Description: OpenZFS for the newest kernel of a demonstration appliance
 An upgrade of this package brings the modules in the run that brings the kernel.
`

/**
 * Builds the package.
 * @param staging a missing directory, left behind full
 * @param into an existing directory for the .deb
 */
export async function buildModulesMetapackage(kernel: string, staging: string, into: string): Promise<void> {
  await mkdir(join(staging, 'DEBIAN'), { recursive: true })
  await writeFile(join(staging, 'DEBIAN/control'), renderMetapackageControl(kernel))
  await buildArchive(staging, join(into, `${MODULES_METAPACKAGE}_${kernel}.deb`))
}
