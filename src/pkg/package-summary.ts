import { createHash } from 'node:crypto'
import type { PackageSummary } from '../snap/model.ts'
import { matchesPackageGlob } from './package-glob.ts'
import type { InstalledPackage } from './packages.ts'

/** The facts about a root's packages that `list` shows; `important` are the patterns of policy. */
export const summarisePackages = (installed: readonly InstalledPackage[], important: readonly string[]): PackageSummary => {
  const lines = installed.map(({ name, arch, version }) => `${name} ${arch} ${version}\n`).sort()
  return {
    count: installed.length,
    digest: createHash('sha256').update(lines.join('')).digest('hex'),
    important: Object.fromEntries(installed.filter(({ name }) => matchesPackageGlob(name, important)).map(({ name, version }) => [name, version])),
  }
}
