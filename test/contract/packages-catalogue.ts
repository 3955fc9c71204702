/** A package for tests: what a .deb is built from, and what the fake behaves like. */
export interface CataloguePackage {
  readonly name: string
  readonly version: string
  /** The suite that has it; without one it is in the flat archive, which names no release. */
  readonly suite?: 'bookworm' | 'trixie'
  /** `name` or `name (= version)`, `name (>= version)`. */
  readonly depends?: readonly string[]
  readonly conflicts?: readonly string[]
  readonly conffiles?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
  readonly questions?: readonly { readonly question: string; readonly type: string; readonly default?: string; readonly description: string }[]
  /** Its postinst writes the answer to a question into a file. */
  readonly records?: { readonly question: string; readonly path: string }
  /** Its postinst fails, or takes some seconds. */
  readonly postinst?: 'fails' | 'slow'
}

export const GATEWAY_CONF = '/etc/acme/gateway.conf'
export const GATEWAY_MODE = '/var/lib/acme-gateway-mode'
export const GATEWAY_FORMAT = '/usr/share/acme-gateway/data-format'

const mode = { question: 'acme-gateway/mode', type: 'select', default: 'bridge', description: 'Mode of the gateway' }
const level = { question: 'acme-gateway/level', type: 'string', default: 'info', description: 'How much is logged' }
const secret = { question: 'acme-gateway/secret', type: 'password', description: 'Secret of the gateway' }

const pair = (name: string, common: Partial<CataloguePackage> = {}): CataloguePackage[] => ['1', '2'].map((version) => ({ ...common, name, version }))

/** The archive that the contract tests install from: version 1 first, version 2 to upgrade to. */
export const CATALOGUE: readonly CataloguePackage[] = [
  ...pair('acme-gateway', { depends: ['debconf'], records: { question: mode.question, path: GATEWAY_MODE } }).map((entry) => ({
    ...entry,
    conffiles: { [GATEWAY_CONF]: `port = ${entry.version}\n`, '/etc/acme/unchanged.conf': 'always the same\n' },
    files: { [GATEWAY_FORMAT]: `${entry.version}.0.0\n` },
    questions: entry.version === '1' ? [mode] : [mode, level, secret],
  })),
  ...pair('acme-lib'),
  ...['1', '2'].map((version) => ({ name: 'acme-tool', version, depends: [`acme-lib (= ${version})`] })),
  ...pair('grub-acme'),
  ...pair('linux-image-acme'),
  // A kernel whose upgrade needs a library of the last group.
  { name: 'linux-image-bound', version: '1' },
  { name: 'linux-image-bound', version: '2', depends: ['acme-lib (>= 2)'] },
  { name: 'acme-new', version: '1', depends: ['acme-dependency'] },
  { name: 'acme-dependency', version: '1' },
  { name: 'acme-rival', version: '1', conflicts: ['acme-tool'] },
  { name: 'acme-broken', version: '1' },
  { name: 'acme-broken', version: '2', postinst: 'fails' },
  { name: 'acme-slow', version: '1' },
  { name: 'acme-slow', version: '2', postinst: 'slow' },
  // What a release upgrade is made of: another version, a new package, and one that has to go.
  { name: 'acme-release', version: '12', suite: 'bookworm' },
  { name: 'acme-obsolete', version: '12', suite: 'bookworm' },
  { name: 'acme-release', version: '13', suite: 'trixie', depends: ['acme-release-data'], conflicts: ['acme-obsolete'] },
  { name: 'acme-release-data', version: '13', suite: 'trixie' },
]
