import { isAtOrBelow } from '../../path-within.ts'
import type { EntryKind } from '../../sys/ports.ts'

/** A directory of root that may hold something else than the operating system. */
export interface RootPath {
  readonly path: string
  readonly kind: EntryKind
  /** Where the filesystem is mounted on which it lies, null for that of root: the path itself, or a directory around it. */
  readonly mount: string | null
}

/** What init makes of a path. */
export interface Placement {
  readonly path: string
  readonly role: 'data' | 'log'
  readonly why: string
}

/** Paths that are never part of a version, whatever lies in them: people's files, mail, queues and logs. */
const ALWAYS: readonly Placement[] = [
  { path: '/home', role: 'data', why: 'people’s files' },
  { path: '/srv', role: 'data', why: 'data that this machine serves' },
  { path: '/var/mail', role: 'data', why: 'mail' },
  { path: '/var/spool', role: 'data', why: 'queues of mail, print and timed jobs' },
  { path: '/var/log', role: 'log', why: 'logs tell of versions that were left' },
  { path: '/var/lib/wtmpdb', role: 'log', why: 'the record of logins' },
]

/**
 * What Debian's own packages keep in /var/lib and what must go back with them: it describes the system, not what it serves. Every other
 * directory there belongs to a service. Names as of Debian 12 and 13.
 */
const OPERATING_SYSTEM_STATE: ReadonlySet<string> = new Set([
  'apt',
  'aspell',
  'belay',
  'binfmts',
  'ca-certificates-local',
  'cloud',
  'command-not-found',
  'dbus',
  'debconf',
  'dictionaries-common',
  'dhcp',
  'dhcpcd',
  'dkms',
  'dpkg',
  'emacsen-common',
  'fwupd',
  'ghostscript',
  'grub',
  'hwclock',
  'initramfs-tools',
  'initscripts',
  'insserv',
  'ispell',
  'kdump',
  'locales',
  'logrotate',
  'machines',
  'man-db',
  'misc',
  'mlocate',
  'nfs',
  'ntpsec',
  'os-prober',
  'pam',
  'plocate',
  'plymouth',
  'polkit-1',
  'portables',
  'private',
  'python',
  'selinux',
  'sgml-base',
  'shells.state',
  'shim-signed',
  'snapper',
  'sudo',
  'swcatalog',
  'systemd',
  'tpm2-tss',
  'ucf',
  'udev',
  'udisks2',
  'unattended-upgrades',
  'update-notifier',
  'upower',
  'urandom',
  'usb_modeswitch',
  'usbutils',
  'vim',
  'xfonts',
  'wtmpdb',
  'xml-core',
  'zfs',
])

const SERVICE_STATE = /^\/var\/lib\/([^/]+)$/

interface Choices {
  readonly inRoot: readonly string[]
  readonly data: readonly string[]
  readonly config: readonly string[]
}

/** The directories that are not the operating system, wherever they lie, without those that policy leaves in root or that are configuration. */
const candidatesOf = (found: readonly RootPath[], choices: Choices): (Placement & { readonly mount: string | null })[] => {
  const candidates: Placement[] = [
    ...choices.data.map((path): Placement => ({ path, role: 'data', why: 'named by --data' })),
    ...ALWAYS,
    ...found.flatMap(({ path }): Placement[] => {
      const service = SERVICE_STATE.exec(path)?.[1]
      return service === undefined || OPERATING_SYSTEM_STATE.has(service) ? [] : [{ path, role: 'data', why: `state of ${service}` }]
    }),
  ]
  return candidates.flatMap((candidate) => {
    const entry = found.find(({ path }) => path === candidate.path)
    const stays =
      choices.inRoot.some((path) => isAtOrBelow(candidate.path, path)) ||
      choices.config.some((path) => isAtOrBelow(candidate.path, path) || isAtOrBelow(path, candidate.path))
    return entry?.kind !== 'directory' || stays ? [] : [{ ...candidate, mount: entry.mount }]
  })
}

/** Filesystems of their own that hold what would go out of root, and that nobody named. */
export const mountedAlready = (found: readonly RootPath[], choices: Choices): string[] => [
  ...new Set(candidatesOf(found, choices).flatMap(({ path, mount }) => (mount === null || choices.data.includes(path) ? [] : [mount]))),
]

/**
 * Which paths of root become data or log. Paths that are mounts already, or lie in one, symlinks, empty stubs below another placement, policy's
 * `inRoot` paths and the application's configuration stay where they are.
 */
export const placeOutsideRoot = (found: readonly RootPath[], choices: Choices): Placement[] => {
  const placements: Placement[] = []
  for (const { mount, ...candidate } of candidatesOf(found, choices)) {
    if (mount !== null) continue
    if (placements.some((placement) => isAtOrBelow(candidate.path, placement.path) || isAtOrBelow(placement.path, candidate.path))) continue
    placements.push(candidate)
  }
  return placements.toSorted((a, b) => a.path.localeCompare(b.path))
}
