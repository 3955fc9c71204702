import type { CataloguePackage } from '../contract/packages-catalogue.ts'

/** A package that is asked for; null for the newest version. */
export interface Wish {
  readonly name: string
  readonly version: string | null
}

const DEPENDENCY = /^(\S+)(?: \((=|>=) (\S+)\))?$/

/** Versions in the catalogue are whole numbers. */
const satisfies = (version: string | undefined, operator: string | undefined, bound: string | undefined): boolean => {
  if (version === undefined) return false
  if (operator === undefined || bound === undefined) return true
  return operator === '=' ? version === bound : Number(version) >= Number(bound)
}

/**
 * The versions that fulfil the wishes, starting from what is installed; null when there are none. It follows dependencies upwards, upgrades what depends on the
 * older version, and removes what is in conflict with a wish: enough for the catalogue, and right or null.
 * @param wishes null asks for the newest version of everything that is installed
 */
export const resolvePackages = (
  installed: ReadonlyMap<string, string>,
  archive: readonly CataloguePackage[],
  wishes: readonly Wish[] | null,
): Map<string, string> | null => {
  const newest = (name: string, allowed: (version: string) => boolean = () => true): string | undefined =>
    archive
      .filter((entry) => entry.name === name && allowed(entry.version))
      .map(({ version }) => version)
      .toSorted((a, b) => Number(b) - Number(a))[0]
  const entryOf = (name: string, version: string): CataloguePackage | undefined => archive.find((entry) => entry.name === name && entry.version === version)

  const result = new Map(installed)
  const fixed = new Set<string>()
  for (const { name, version } of wishes ?? [...installed.keys()].map((name) => ({ name, version: null }))) {
    const wanted = version ?? newest(name)
    if (wanted !== undefined) result.set(name, wanted)
    if (wishes !== null) fixed.add(name)
  }
  for (let round = 0; round < 20; round += 1) {
    let changed = false
    for (const [name, version] of [...result]) {
      const entry = entryOf(name, version)
      for (const conflict of entry?.conflicts ?? []) {
        if (!result.has(conflict)) continue
        if (fixed.has(conflict)) return null
        result.delete(conflict)
        changed = true
      }
      for (const dependency of entry?.depends ?? []) {
        const [, needed = '', operator, bound] = DEPENDENCY.exec(dependency) ?? []
        if (satisfies(result.get(needed), operator, bound)) continue
        const candidate = newest(needed, (other) => satisfies(other, operator, bound))
        if (candidate !== undefined && !fixed.has(needed)) result.set(needed, candidate)
        else {
          // What it needs is fixed at another version: it follows to its own newest.
          const own = newest(name)
          if (own === undefined || own === version) return null
          result.set(name, own)
        }
        changed = true
      }
    }
    if (!changed) return result
  }
  return null
}
