import { copyFile, link, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectoryOf } from '../cache/cache-directory.ts'
import { SUITE, type Suite } from '../debian-archive.ts'
import { MODULES_METAPACKAGE } from '../zfs/modules-metapackage.ts'
import { renderRepositoryIndex, type IndexedPackage } from './package-index.ts'
import { readPool } from './package-pool.ts'
import type { AcmeVersion } from './package-source.ts'
import { poolFile, serveRepository, type RepositoryServer } from './repository-server.ts'
import { ensureVendorPool } from './vendor-pool.ts'
import { ensureZfsPool } from './zfs-pool.ts'

export interface PublishOptions {
  /** Offer Debian's security kernel, and with it OpenZFS's modules for it where the repository has them. Default: true. */
  readonly kernel?: boolean
  /** Offer GRUB's packages under a higher version. Default: true. */
  readonly grub?: boolean
}

/** A repository of the appliance's vendor; each instance publishes on its own, on a pool that all share. */
export interface VendorRepository {
  /**
   * Chooses what the main repository offers from now on, to servers that run already too: these versions of the acme packages,
   * and kernel and GRUB. All of it is offered before the first call.
   */
  publish(versions: readonly AcmeVersion[], options?: PublishOptions): void
  /** Serves it over HTTP on 127.0.0.1 from this process (which must not block meanwhile). @param port default: any free one */
  serve(port?: number): Promise<RepositoryServer>
  /** Writes what is published now to a directory, for a `file:` source. */
  exportTo(directory: string): Promise<void>
}

/** The line of sources.list for a repository at a URL that ends in a slash; `base` adds the one of base packages (libc6, libc-bin, dpkg, nodejs). */
export const sourcesList = (url: string, { base = false } = {}): string =>
  [url, ...(base ? [`${url}base/`] : [])].map((place) => `deb [trusted=yes] ${place} ./\n`).join('')

export interface RepositoryOptions {
  /** Of the appliances. Default: trixie. */
  readonly suite?: Suite
  /** Offer OpenZFS's modules too. Default: false. */
  readonly zfs?: boolean
  /** Default: $BELAY_CACHE or /var/cache/belay-lab */
  readonly cacheDirectory?: string
}

export async function buildVendorRepository(options: RepositoryOptions = {}): Promise<VendorRepository> {
  const { suite = SUITE, zfs = false, cacheDirectory = cacheDirectoryOf(process.env) } = options
  const pool = await ensureVendorPool(suite, cacheDirectory)
  const debian = await readPool(pool.main)
  const zfsPool = zfs ? await ensureZfsPool(suite, debian, cacheDirectory) : pool.main
  const modules = zfs ? await readPool(zfsPool) : []
  const places = new Map(modules.map((found) => [fileNameOf(found), zfsPool]))
  const placeOf = (path: string): string => places.get(path) ?? pool.main

  const offered = [...debian, ...modules]
  const base = renderRepositoryIndex(await readPool(pool.base), new Date())
  let selection = offered
  let main = renderRepositoryIndex(selection, new Date())

  const resolve = (path: string) => {
    const [index, directory, rest] = path.startsWith('base/') ? [base, pool.base, path.slice('base/'.length)] : [main, placeOf(path), path]
    if (rest === 'Release') return { text: index.release }
    if (rest === 'Packages') return { text: index.packages }
    const file = poolFile(directory, rest)
    return file === null ? null : { file }
  }

  return {
    publish(versions, options = {}) {
      selection = offered.filter((candidate) => isSelected(candidate, versions, options))
      main = renderRepositoryIndex(selection, new Date())
    },
    serve: (port = 0) => serveRepository(resolve, port),
    async exportTo(directory) {
      await mkdir(join(directory, 'pool'), { recursive: true })
      for (const selected of selection) {
        const path = fileNameOf(selected)
        const [from, to] = [join(placeOf(path), path), join(directory, path)]
        await link(from, to).catch(() => copyFile(from, to))
      }
      await writeFile(join(directory, 'Packages'), main.packages)
      await writeFile(join(directory, 'Release'), main.release)
    },
  }
}

/** Path of a package in its repository. */
const fileNameOf = ({ stanza }: IndexedPackage): string => /^Filename: (.*)$/m.exec(stanza)?.[1] ?? ''

/** Whether a package of the pool belongs to a publication. */
function isSelected({ name, version }: IndexedPackage, versions: readonly string[], { kernel = true, grub = true }: PublishOptions): boolean {
  if (name.startsWith(MODULES_METAPACKAGE)) return kernel
  if (name.startsWith('acme-')) return versions.includes(version)
  return name.startsWith('grub') ? grub : kernel
}
