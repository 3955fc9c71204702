import { posix } from 'node:path'
import type { PackageChange } from '../packages.ts'

/** An archive as `apt-get --print-uris` names it. */
export interface ArchiveUri {
  readonly uri: string
  /** File name in apt's cache. */
  readonly file: string
  readonly bytes: number
}

const LINE = /^'([^']+)' (\S+) (\d+)(?: \S*)?$/

/** Lines `'URI' FILE BYTES HASH`; the hash may be missing. */
export const parseArchiveUris = (text: string): ArchiveUri[] =>
  text.split('\n').flatMap((line) => {
    const [, uri, file, bytes] = LINE.exec(line.trimEnd()) ?? []
    return uri === undefined || file === undefined ? [] : [{ uri, file, bytes: Number(bytes) }]
  })

/** The path of a local archive that apt uses where it lies, without a copy in its cache; null for all other URIs. */
export const pathOfFileUri = ({ uri }: ArchiveUri): string | null =>
  uri.startsWith('file:/') ? posix.normalize(decodeURIComponent(uri.slice('file:'.length).replace(/^\/+/, '/'))) : null

/** The name that apt gives an archive in its cache (apt-pkg/acquire-item.cc: QuoteString of `_` and `:` in each part). */
export const cachedFileName = ({ name, arch, to }: PackageChange): string => {
  const quoted = [name, to ?? '', arch].map((part) => part.replaceAll('%', '%25').replaceAll('_', '%5f').replaceAll(':', '%3a'))
  return `${quoted.join('_')}.deb`
}
