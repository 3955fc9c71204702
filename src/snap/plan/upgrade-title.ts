import type { PackageChange } from '../../pkg/packages.ts'

/** How many packages are named where none of them is notable. */
const FEW = 3

/** What changes, in a few words for the menu and for tables: the kernel and what people know by name first. */
export const upgradeTitle = (changes: readonly Pick<PackageChange, 'name' | 'from' | 'to'>[]): string => {
  const kernel = changes.find((change) => /^linux-image-[0-9]/.test(change.name))
  const notable = changes.filter((change) => change !== kernel && change.from !== null && change.to !== null && !/^(?:lib|linux-)/.test(change.name))
  const parts = [
    ...(kernel === undefined ? [] : [kernel.name.replace(/^linux-image-/, 'linux ')]),
    ...notable.slice(0, 2).map((change) => `${change.name} ${String(change.to)}`),
  ]
  const more = changes.length - parts.length
  if (parts.length === 0) return changes.length > FEW ? `${String(changes.length)} packages` : changes.map(({ name }) => name).join(', ')
  return `${parts.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`
}
