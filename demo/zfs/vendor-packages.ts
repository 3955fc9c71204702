import { copyFile, mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Suite } from '../debian-archive.ts'
import { buildModulesMetapackage } from './modules-metapackage.ts'
import { ensureZfsModules } from './zfs-modules.ts'

/**
 * What the vendor adds to Debian's OpenZFS for one kernel: the package of its modules, and the metapackage that depends on it.
 * @param staging a missing directory, left behind full
 * @param into made here when it is missing
 */
export async function buildZfsPackages(suite: Suite, kernel: string, staging: string, into: string, cacheDirectory: string): Promise<void> {
  await mkdir(into, { recursive: true })
  const modules = await ensureZfsModules({ suite, kernel, cacheDirectory })
  await copyFile(modules.path, join(into, basename(modules.path)))
  await buildModulesMetapackage(kernel, staging, into)
}
