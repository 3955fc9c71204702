import { z } from 'zod'

const Metafile = z.object({ inputs: z.record(z.string(), z.unknown()) })
const PackageFile = z.object({ name: z.string(), version: z.string(), license: z.string() })

/** One npm package that is part of the bundle. */
interface BundledPackage {
  readonly name: string
  readonly version: string
  readonly licence: string
  readonly text: string
}

/** Where the packages are; paths are below the checkout. */
export interface PackageDirectory {
  readonly list: (directory: string) => readonly string[]
  readonly read: (path: string) => string
}

/** Directories of the npm packages whose files are in the bundle, from esbuild's metafile. */
export const bundledDirectories = (metafile: string): string[] => {
  const inputs = Object.keys(Metafile.parse(JSON.parse(metafile)).inputs)
  const directories = inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
  return [...new Set(directories)].sort()
}

const readPackage = (directory: string, files: PackageDirectory): BundledPackage => {
  const { name, version, license } = PackageFile.parse(JSON.parse(files.read(`${directory}/package.json`)))
  const texts = files.list(directory).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file))
  if (texts.length === 0) throw new Error(`${directory} is part of the bundle and has no text of its licence`)
  return { name, version, licence: license, text: texts.map((file) => files.read(`${directory}/${file}`).trim()).join('\n\n') }
}

const RULE = '-'.repeat(78)

/** The licences of everything in the package that belay's authors did not write. */
export const thirdParty = (metafile: string, files: PackageDirectory, node: { readonly version: string; readonly licence: string }): string => {
  const everywhere = bundledDirectories(metafile).map((directory) => readPackage(directory, files))
  const packages = [...new Map(everywhere.map((found) => [`${found.name} ${found.version}`, found])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, found]) => found)
  const list = packages.map(({ name, version, licence }) => `  ${name} ${version} (${licence})`).join('\n')
  const texts = packages.map(({ name, version, licence, text }) => `${RULE}\n${name} ${version} (${licence})\n${RULE}\n\n${text}\n`).join('\n')
  return `Programs of others in this package

/usr/lib/belay/runtime/node is Node.js ${node.version}. /usr/lib/belay/dist holds belay and these npm packages:

${list}

${texts}
${RULE}
Node.js ${node.version}
${RULE}

${node.licence}`
}
