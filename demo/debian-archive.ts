import { RefusedError } from '../src/errors.ts'
import { runTool } from './run-tool.ts'

const APT_GET = '/usr/bin/apt-get'
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Releases of Debian that there is a demonstration appliance of: 13 has OpenZFS 2.3 and GRUB 2.12, 12 has 2.1 and 2.06. */
export type Suite = 'trixie' | 'bookworm'

/** The release that the demonstration appliance runs where none is asked for. */
export const SUITE = 'trixie'

/** Where this machine gets Debian from. */
export interface DebianArchive {
  readonly release: string
  readonly security: string
}

/** Reads the lines `Origin|Label|Site` of apt-get indextargets. Null when one of the two archives is not there. */
function parseIndexTargets(text: string): DebianArchive | null {
  const siteOf = (label: string): string | undefined =>
    text
      .split('\n')
      .map((line) => line.split('|'))
      .find(([origin, found]) => origin === 'Debian' && found === label)?.[2]
  const release = siteOf('Debian')
  const security = siteOf('Debian-Security')
  return release === undefined || security === undefined ? null : { release, security }
}

/** @throws RefusedError when apt on this machine has no lists of Debian and its security archive. */
export async function findDebianArchive(): Promise<DebianArchive> {
  const { stdout } = await runTool(APT_GET, ['indextargets', '--format', '$(ORIGIN)|$(LABEL)|$(SITE)', 'Created-By: Packages'])
  const archive = parseIndexTargets(stdout)
  if (archive === null) {
    throw new RefusedError('no-debian-archive', "this machine's apt knows no Debian archive, or none for security updates", {
      next: ['apt-get update   # on a Debian machine with the release and its security archive in /etc/apt'],
    })
  }
  return archive
}

/** A one-line entry of sources.list. */
const source = (url: string, distribution: string, components: string): string => `deb [signed-by=${KEYRING}] ${url} ${distribution} ${components}`

/** One-line entries of sources.list for a release as it was published last, and for its security updates. */
export const releaseSource = (archive: DebianArchive, suite: Suite, components = 'main'): string => source(archive.release, suite, components)
export const securitySource = (archive: DebianArchive, suite: Suite, components = 'main'): string => source(archive.security, `${suite}-security`, components)
