import type { InstalledPackage } from './packages.ts'

export interface PackageDiff {
  readonly added: readonly InstalledPackage[]
  readonly removed: readonly InstalledPackage[]
  readonly changed: readonly { readonly name: string; readonly arch: string; readonly from: string; readonly to: string }[]
}

const keyOf = ({ name, arch }: InstalledPackage): string => `${name}:${arch}`

/** What differs between the packages of two roots, in the order of the lists. A package that changed its architecture was removed and added. */
export const diffPackages = (before: readonly InstalledPackage[], after: readonly InstalledPackage[]): PackageDiff => {
  const earlier = new Map(before.map((entry) => [keyOf(entry), entry.version]))
  const later = new Set(after.map(keyOf))
  return {
    added: after.filter((entry) => !earlier.has(keyOf(entry))),
    removed: before.filter((entry) => !later.has(keyOf(entry))),
    changed: after.flatMap((entry) => {
      const from = earlier.get(keyOf(entry))
      return from === undefined || from === entry.version ? [] : [{ name: entry.name, arch: entry.arch, from, to: entry.version }]
    }),
  }
}
