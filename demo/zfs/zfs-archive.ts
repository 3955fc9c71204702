import { findDebianArchive } from '../debian-archive.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Debian releases that OpenZFS's modules are built for: 13 has OpenZFS 2.3, 12 has 2.1. */
export type ZfsSuite = 'trixie' | 'bookworm'

/** Debian's name for an archive, as a line of sources.list with the component that OpenZFS is in. */
export interface ZfsArchive {
  readonly release: string
  readonly security: string
}

/** @throws RefusedError when this machine's apt has no Debian archive to take the addresses from */
export async function findZfsArchive(suite: ZfsSuite): Promise<ZfsArchive> {
  const archive = await findDebianArchive()
  const line = (url: string, distribution: string): string => `deb [signed-by=${KEYRING}] ${url} ${distribution} main contrib`
  return { release: line(archive.release, suite), security: line(archive.security, `${suite}-security`) }
}
