import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BugError } from '../../src/errors.ts'
import { runTool } from '../run-tool.ts'
import { buildArchive } from './package-source.ts'

const DPKG_DEB = '/usr/bin/dpkg-deb'

/** A control file under a version raised by `suffix`; dependencies on exactly the old version (packages of the same source) go along. */
function raiseVersion(control: string, suffix: string): { readonly control: string; readonly version: string } {
  const old = /^Version: (\S+)$/m.exec(control)?.[1]
  if (old === undefined) throw new BugError('a control file without a version')
  const version = `${old}${suffix}`
  return { version, control: control.replace(`Version: ${old}\n`, `Version: ${version}\n`).replaceAll(`(= ${old})`, `(= ${version})`) }
}

/**
 * Builds a Debian package again, with the same files, under a higher version.
 * @param archive path of the .deb
 * @param into an existing directory for the new .deb
 */
export async function rebuildPackage(archive: string, suffix: string, staging: string, into: string): Promise<void> {
  await runTool(DPKG_DEB, ['--raw-extract', '--', archive, staging])
  const controlFile = join(staging, 'DEBIAN/control')
  const { control, version } = raiseVersion(await readFile(controlFile, 'utf8'), suffix)
  await writeFile(controlFile, control)
  const field = (name: string): string => new RegExp(`^${name}: (\\S+)$`, 'm').exec(control)?.[1] ?? ''
  await buildArchive(staging, join(into, `${field('Package')}_${version.replace(/^\d+:/, '')}_${field('Architecture')}.deb`))
  await rm(staging, { recursive: true })
}
