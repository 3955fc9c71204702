import type { Runner } from '../../sys/ports.ts'
import { readStanzas } from '../deb822.ts'
import type { PackageChange } from '../packages.ts'

const APT_CACHE = '/usr/bin/apt-cache'
const FIELDS = ['Package', 'Architecture', 'Version', 'Installed-Size']

/** Bytes that packages take on disk, as they declare them, keyed by name, architecture and version as in `sizeKey`. */
export const parseInstalledSizes = (text: string): Map<string, number> => {
  const sizes = new Map<string, number>()
  for (const stanza of readStanzas(text, FIELDS)) {
    sizes.set(
      sizeKey({ name: stanza.get('Package') ?? '', arch: stanza.get('Architecture') ?? '', to: stanza.get('Version') ?? '' }),
      Number(stanza.get('Installed-Size') ?? 0) * 1024,
    )
  }
  return sizes
}

export const sizeKey = ({ name, arch, to }: Pick<PackageChange, 'name' | 'arch' | 'to'>): string => `${name}:${arch}=${to ?? ''}`

/** Sizes of the versions that are to be installed; one that apt-cache does not know is missing. */
export const readInstalledSizes = async (runner: Runner, changes: readonly PackageChange[]): Promise<ReadonlyMap<string, number>> => {
  const wanted = changes.filter(({ to }) => to !== null)
  if (wanted.length === 0) return new Map()
  const targets = wanted.map(({ name, arch, to }) => `${name}${arch === 'all' ? '' : `:${arch}`}=${String(to)}`)
  const { stdout } = await runner.run(APT_CACHE, ['--quiet', 'show', '--', ...targets], { expect: [0, 100] })
  return parseInstalledSizes(stdout)
}
