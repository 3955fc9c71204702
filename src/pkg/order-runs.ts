import { matchesPackageGlob } from './package-glob.ts'
import type { PackageChange, PackageRun } from './packages.ts'

/** In order of preference. Sources of modules, the initramfs tools and filesystem userland go with the kernel, whose initrd is made of them. */
const GROUPS: readonly { readonly label: string; readonly packages: readonly string[] }[] = [
  { label: 'boot loader', packages: ['grub-*', 'grub2*', 'shim-*'] },
  {
    label: 'kernel',
    packages: [
      'linux-image-*',
      'linux-headers-*',
      'linux-modules-*',
      'linux-base',
      'linux-kbuild-*',
      '*-dkms',
      'dkms',
      'initramfs-tools*',
      'dracut*',
      'zfsutils-linux',
      'zfs-*',
      'libzfs*',
      'libzpool*',
      'btrfs-progs',
      'e2fsprogs',
      'busybox*',
      'klibc-utils',
      'kmod',
      'udev',
    ],
  },
  { label: 'application and the rest', packages: ['*'] },
]
/** Comes last: until then the belay that runs is the one on disk. */
const ITSELF = { label: 'belay', packages: ['belay'] }

const groupOf = (name: string): number =>
  ITSELF.packages.includes(name) ? GROUPS.length : GROUPS.findIndex((group) => matchesPackageGlob(name, group.packages))

/** base-files carries the number of the Debian release as its version's first component. */
const isReleaseUpgrade = (changes: readonly PackageChange[]): boolean => {
  const release = (version: string): number => Number.parseInt(version, 10)
  return changes.some(({ name, from, to }) => name === 'base-files' && from !== null && to !== null && release(from) !== release(to))
}

/**
 * The groups that are wanted one after the other, each a run of its own. A release upgrade is one run. Removals wait for the last group before belay
 * itself, where what they made room for is installed.
 */
export const proposeRuns = (changes: readonly PackageChange[]): PackageRun[] => {
  if (changes.length === 0) return []
  if (isReleaseUpgrade(changes)) return [{ label: 'release upgrade', packages: changes }]
  return [...GROUPS, ITSELF].flatMap(({ label }, group) => {
    const packages = changes.filter((change) => (change.action === 'remove' ? GROUPS.length - 1 : groupOf(change.name)) === group)
    return packages.length === 0 ? [] : [{ label, packages }]
  })
}

/** What has to be simulated to know whether apt can do the proposed runs one after the other: the first, the first two, … all but the last. */
export const prefixesOf = (proposed: readonly PackageRun[]): PackageChange[][] =>
  proposed.slice(0, -1).map((_, position) => proposed.slice(0, position + 1).flatMap((run) => run.packages))

const identity = ({ name, arch, to }: PackageChange): string => `${name}:${arch}=${to ?? ''}`

/** Whether two lists ask for the same versions of the same packages. */
export const sameChanges = (a: readonly PackageChange[], b: readonly PackageChange[]): boolean => {
  const wanted = new Set(a.map(identity))
  return wanted.size === new Set(b.map(identity)).size && b.every((change) => wanted.has(identity(change)))
}

/**
 * Merge the proposed runs that apt's solver cannot keep apart.
 * @param simulated what apt would change for each of `prefixesOf(proposed)`; null when it found no way. A cut stays only where that is the prefix itself.
 */
export const orderRuns = (proposed: readonly PackageRun[], simulated: readonly (readonly PackageChange[] | null)[]): PackageRun[] => {
  const prefixes = prefixesOf(proposed)
  const runs: PackageRun[] = []
  let pending: PackageRun[] = []
  for (const [position, run] of proposed.entries()) {
    pending.push(run)
    const prefix = prefixes[position]
    const result = simulated[position]
    const isLast = prefix === undefined
    if (!isLast && (result === undefined || result === null || !sameChanges(prefix, result))) continue
    runs.push({ label: [...new Set(pending.map(({ label }) => label))].join(', '), packages: pending.flatMap(({ packages }) => packages) })
    pending = []
  }
  return runs
}
