import { FailedError } from '../../errors.ts'
import type { Files } from '../../sys/ports.ts'
import type { PackageChange } from '../packages.ts'
import { ARCHIVES, type AptGet, type Pins } from './apt-get.ts'
import { cachedFileName, pathOfFileUri } from './archive-uris.ts'

/** A change with the .deb that brings it, by its path on this machine. */
export interface LocatedChange {
  readonly change: PackageChange
  readonly archive: string
}

interface FinderOptions {
  readonly files: Files
  readonly apt: AptGet
  readonly root: string
}

/** The downloaded archives of what is to be installed: in apt's cache, or where a file: repository has them. @throws FailedError `not-downloaded` */
export const locateArchives = async ({ files, apt, root }: FinderOptions, pins: Pins): Promise<LocatedChange[]> => {
  const prefix = root === '/' ? '' : root
  const located: LocatedChange[] = []
  const elsewhere: PackageChange[] = []
  const wanted = pins.changes.filter(({ to }) => to !== null)
  for (const change of wanted) {
    const cached = `${prefix}${ARCHIVES}/${cachedFileName(change)}`
    if ((await files.stat(cached)) === null) elsewhere.push(change)
    else located.push({ change, archive: cached })
  }
  if (elsewhere.length === 0) return located
  const uris = await apt.uris(pins, { all: true })
  for (const change of elsewhere) {
    const uri = uris.find(({ file }) => file === cachedFileName(change))
    const path = uri === undefined ? null : pathOfFileUri(uri)
    if (path === null || (await files.stat(`${prefix}${path}`)) === null) {
      throw new FailedError('not-downloaded', `the archive of ${change.name} ${String(change.to)} is not here`, {
        rebootRequired: false,
        next: ['belay upgrade   # downloads again'],
      })
    }
    located.push({ change, archive: `${prefix}${path}` })
  }
  return located
}
