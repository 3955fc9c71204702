import { InvalidFileError } from '../../errors.ts'
import type { Files } from '../../sys/ports.ts'
import { DEFAULTS_INDEX, KeptDefaults } from '../kept-defaults.ts'
import type { LocatedChange } from './archive-finder.ts'
import type { PackageArchives } from './package-archive.ts'

const readIndex = async (files: Files, path: string): Promise<KeptDefaults> => {
  if ((await files.stat(path)) === null) return { format: 1, packages: {} }
  const text = await files.readText(path)
  try {
    return KeptDefaults.parse(JSON.parse(text))
  } catch (cause) {
    throw new InvalidFileError(`${path} is not an index of configuration defaults`, { next: [`rm ${path}`], cause, data: { file: path } })
  }
}

/**
 * Unpack the configuration files of new packages below a directory and write its index last. What the directory holds of other packages stays; an older
 * version of the same package is replaced.
 */
export const keepDefaults = async (files: Files, archives: PackageArchives, located: readonly LocatedChange[], directory: string): Promise<void> => {
  const path = `${directory}/${DEFAULTS_INDEX}`
  await files.makeDirectory(directory)
  const index = await readIndex(files, path)
  const packages = { ...index.packages }
  for (const { change, archive } of located) {
    await files.remove(`${directory}/${change.name}`)
    const paths = await archives.conffiles(archive)
    if (paths.length > 0) {
      await files.makeDirectory(`${directory}/${change.name}`)
      await archives.extract(archive, `${directory}/${change.name}`, paths)
    }
    const digests = await archives.digests(archive, paths)
    packages[change.name] = { arch: change.arch, version: String(change.to), files: [...digests].map(([file, md5]) => ({ path: file, md5 })) }
  }
  await files.writeAtomic(path, `${JSON.stringify({ ...index, packages }, null, 2)}\n`)
}
