import type { StatusEntry } from '../dpkg-status.ts'
import type { PackageChange } from '../packages.ts'
import type { SimulatedChange } from './simulation-output.ts'

const actionOf = ({ from, to, downgrade }: SimulatedChange): PackageChange['action'] => {
  if (to === null) return 'remove'
  if (from === null) return 'install'
  if (downgrade) return 'downgrade'
  return from === to ? 'reinstall' : 'upgrade'
}

/**
 * What apt-get printed, as changes: the architecture of a removal comes from what is installed, and a new package that was not asked for is automatic.
 * @param requested names that the operator gave
 */
export const toChanges = (
  simulated: readonly SimulatedChange[],
  installed: readonly StatusEntry[],
  native: string,
  requested: readonly string[],
): PackageChange[] => {
  const archOf = new Map(installed.filter(({ arch }) => arch === 'all' || arch === native).map(({ name, arch }) => [name, arch]))
  return simulated.map((change) => {
    const { name, from, to } = change
    const action = actionOf(change)
    return {
      name,
      arch: change.arch ?? archOf.get(name) ?? native,
      from,
      to,
      action,
      ...(action === 'install' && !requested.includes(name) ? { automatic: true } : {}),
    }
  })
}
