import { readStanzas } from './deb822.ts'
import type { InstalledPackage } from './packages.ts'

/** What dpkg remembers of a configuration file: the digest of the default that was installed last. */
export interface Conffile {
  readonly path: string
  /** MD5 in hex. */
  readonly digest: string
}

/** dpkg's words for how far a package is installed (dpkg-query(1), "package status"). */
export type PackageStatus =
  'not-installed' | 'config-files' | 'half-installed' | 'unpacked' | 'half-configured' | 'triggers-awaited' | 'triggers-pending' | 'installed'

export interface StatusEntry extends InstalledPackage {
  readonly status: PackageStatus
  /** Broken so that only installing it again helps. */
  readonly reinstallRequired: boolean
  /** Kept at its version by who runs the machine. */
  readonly held: boolean
  /** It says of itself that the system needs it. */
  readonly essential: boolean
  /** Bytes, as the package declares them; 0 when it does not. */
  readonly size: number
  readonly conffiles: readonly Conffile[]
}

/** `Important` is apt's older word for `Protected` (deb-control(5)). */
const FIELDS = ['Package', 'Status', 'Architecture', 'Version', 'Installed-Size', 'Conffiles', 'Essential', 'Protected', 'Important']
const WORDS = new Set<string>([
  'not-installed',
  'config-files',
  'half-installed',
  'unpacked',
  'half-configured',
  'triggers-awaited',
  'triggers-pending',
  'installed',
] satisfies PackageStatus[])
const isStatus = (word: string): word is PackageStatus => WORDS.has(word)

/** ` /etc/path digest`, with ` obsolete` or ` remove-on-upgrade` behind it when the package no longer ships the file (dpkg 1.21, lib/dpkg/fields.c). */
const CONFFILE = /^(\/.+) ([0-9a-f]{32})$/

const parseConffiles = (text: string): Conffile[] =>
  text.split('\n').flatMap((line) => {
    const [, path, digest] = CONFFILE.exec(line.trim()) ?? []
    return path === undefined || digest === undefined ? [] : [{ path, digest }]
  })

/** The entries of /var/lib/dpkg/status, in its order. Packages that are gone without a trace are left out. */
export const parseDpkgStatus = (text: string): StatusEntry[] => {
  const entries: StatusEntry[] = []
  for (const stanza of readStanzas(text, FIELDS)) {
    const name = stanza.get('Package')
    const [want, flag, word] = stanza.get('Status')?.split(' ') ?? []
    if (name === undefined || word === undefined || !isStatus(word) || word === 'not-installed') continue
    entries.push({
      name,
      arch: stanza.get('Architecture') ?? '',
      version: stanza.get('Version') ?? '',
      status: word,
      reinstallRequired: flag === 'reinstreq',
      held: want === 'hold',
      essential: ['Essential', 'Protected', 'Important'].some((field) => stanza.get(field) === 'yes'),
      size: Number(stanza.get('Installed-Size') ?? 0) * 1024,
      conffiles: parseConffiles(stanza.get('Conffiles') ?? ''),
    })
  }
  return entries
}

const byNameAndArch = (a: InstalledPackage, b: InstalledPackage): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : a.arch < b.arch ? -1 : a.arch > b.arch ? 1 : 0

/** The packages whose files are on disk, sorted by name. */
export const installedPackages = (entries: readonly StatusEntry[]): InstalledPackage[] =>
  entries
    .filter((entry) => entry.status !== 'config-files')
    .map(({ name, arch, version }) => ({ name, arch, version }))
    .sort(byNameAndArch)

/** The architecture that apt takes for granted: dpkg's own. Null when dpkg itself is not installed. */
export const nativeArchitecture = (entries: readonly StatusEntry[]): string | null => entries.find((entry) => entry.name === 'dpkg')?.arch ?? null
