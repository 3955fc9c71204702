import { findDebianArchive, releaseSource, securitySource, type Suite } from '../debian-archive.ts'

/** Debian has OpenZFS in contrib. */
const COMPONENTS = 'main contrib'

/** Lines of sources.list for a release and its security updates with the component that OpenZFS is in. */
export interface ZfsArchive {
  readonly release: string
  readonly security: string
}

/** @throws RefusedError when this machine's apt has no Debian archive to take the addresses from */
export async function findZfsArchive(suite: Suite): Promise<ZfsArchive> {
  const archive = await findDebianArchive()
  return { release: releaseSource(archive, suite, COMPONENTS), security: securitySource(archive, suite, COMPONENTS) }
}
