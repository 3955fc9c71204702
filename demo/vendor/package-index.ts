import { createHash } from 'node:crypto'
import { BugError } from '../../src/errors.ts'

/** One stanza of a Packages file. */
export interface IndexedPackage {
  readonly name: string
  readonly version: string
  readonly stanza: string
}

/** Parses a Packages file as dpkg-scanpackages writes it. */
export function parsePackageIndex(text: string): IndexedPackage[] {
  return text
    .split(/\n\n+/)
    .filter((stanza) => stanza.trim() !== '')
    .map((stanza) => {
      const name = /^Package: (\S+)$/m.exec(stanza)?.[1]
      const version = /^Version: (\S+)$/m.exec(stanza)?.[1]
      if (name === undefined || version === undefined) throw new BugError(`a package index has a stanza without name or version: ${stanza.slice(0, 200)}`)
      return { name, version, stanza: stanza.trim() }
    })
}

/** The two files of a flat repository that apt reads; Release names the hash of Packages, so that apt checks what it downloads. */
export interface RepositoryIndex {
  readonly packages: string
  readonly release: string
}

export function renderRepositoryIndex(selection: readonly IndexedPackage[], date: Date): RepositoryIndex {
  const packages = selection.map(({ stanza }) => `${stanza}\n\n`).join('')
  const sha256 = createHash('sha256').update(packages).digest('hex')
  const release = [
    'Origin: Acme',
    'Label: Acme',
    'Suite: stable',
    'Codename: stable',
    `Date: ${date.toUTCString().replace('GMT', 'UTC')}`,
    'Architectures: amd64 all',
    'SHA256:',
    ` ${sha256} ${String(Buffer.byteLength(packages))} Packages`,
    '',
  ].join('\n')
  return { packages, release }
}
