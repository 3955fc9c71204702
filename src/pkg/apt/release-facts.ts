import { NotFoundError } from '../../errors.ts'
import type { Files } from '../../sys/ports.ts'
import type { ReleaseFacts } from '../packages.ts'
import { parseOsRelease } from '../release/debian-releases.ts'
import { readDpkgStatus } from './dpkg.ts'
import { readSourceFiles } from './source-files.ts'

/** Where base-files has it; /etc/os-release is a link to it. */
const OS_RELEASE = '/usr/lib/os-release'

/** @throws NotFoundError when there is no Debian system in the root. */
export const readReleaseFacts = async (files: Files, root: string): Promise<ReleaseFacts> => {
  const path = `${root === '/' ? '' : root}${OS_RELEASE}`
  if ((await files.stat(path)) === null) throw new NotFoundError(`${path} is missing`, { next: ['apt-get install --reinstall base-files'] })
  const [osRelease, sources, entries] = await Promise.all([
    files.readText(path).then(parseOsRelease),
    readSourceFiles(files, root),
    readDpkgStatus(files, root).then((all) => all.filter(({ status }) => status !== 'config-files')),
  ])
  return {
    osRelease,
    sources,
    held: entries.filter(({ held }) => held).map(({ name }) => name),
    essential: entries.filter(({ essential }) => essential).map(({ name }) => name),
  }
}
