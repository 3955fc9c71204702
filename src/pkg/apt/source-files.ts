import type { Files } from '../../sys/ports.ts'
import { type SourceFileChange, changedText } from '../release/source-change.ts'
import type { SourceFile } from '../release/source-entry.ts'
import { statInside } from './stat-inside.ts'

const APT = '/etc/apt'
const MAIN = `${APT}/sources.list`
const PARTS = `${APT}/sources.list.d`
/** Other names are ignored by apt (apt.conf(5), sources.list(5)). */
const PART = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*\.(?:list|sources)$/

const below = (root: string, path: string): string => `${root === '/' ? '' : root}${path}`

const read = async (files: Files, root: string, path: string): Promise<SourceFile> => ({
  path,
  text: (await files.readBytes(below(root, path))).toString('latin1'),
})

/** The files in which apt finds its sources, in its order. @throws RefusedError for a symbolic link. */
export const readSourceFiles = async (files: Files, root: string): Promise<SourceFile[]> => {
  const parts = (await statInside(files, root, PARTS))?.kind === 'directory' ? await files.list(below(root, PARTS)) : []
  const found: SourceFile[] = []
  for (const path of [MAIN, ...parts.filter((name) => PART.test(name)).map((name) => `${PARTS}/${name}`)]) {
    if ((await statInside(files, root, path))?.kind === 'file') found.push(await read(files, root, path))
  }
  return found
}

/** Make the changes in a root; those that were made are left. @throws ChangedError when a file is not what a change was made from. */
export const changeSourceFiles = async (files: Files, root: string, changes: readonly SourceFileChange[]): Promise<void> => {
  for (const change of changes) {
    const stat = await statInside(files, root, change.path)
    const before = stat === null ? { path: change.path, text: '' } : await read(files, root, change.path)
    const text = changedText(before, change)
    if (stat === null || text === before.text) continue
    await files.writeAtomic(below(root, change.path), Buffer.from(text, 'latin1'), stat.mode, { uid: stat.uid, gid: stat.gid })
  }
}

/** Options that make apt read its sources from a directory that writeSourcesAside filled. */
export const sourcesAside = (directory: string): string[] => [
  '-o',
  `Dir::Etc::sourcelist=${directory}/sources.list`,
  '-o',
  `Dir::Etc::sourceparts=${directory}/sources.list.d`,
]

/** Write all sources of a root as they are after the changes to a directory in it. Only root may read them: an address may hold a password. */
export const writeSourcesAside = async (files: Files, root: string, changes: readonly SourceFileChange[], directory: string): Promise<void> => {
  await files.makeDirectory(`${below(root, directory)}/sources.list.d`, 0o755)
  for (const file of await readSourceFiles(files, root)) {
    const change = changes.find(({ path }) => path === file.path)
    const text = change === undefined ? file.text : changedText(file, change)
    await files.writeAtomic(`${below(root, directory)}${file.path.slice(APT.length)}`, Buffer.from(text, 'latin1'))
  }
}
