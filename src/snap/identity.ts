import { z } from 'zod'
import { InvalidFileError, RefusedError } from '../errors.ts'
import type { Files } from '../sys/ports.ts'
import { pathInside } from './path-inside.ts'

/** One file that is the machine's own, as a root has it. */
export interface IdentityFile {
  /** Absolute, as seen from the root. */
  readonly path: string
  readonly content: Buffer
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
const isGlob = (name: string): boolean => /[*?]/.test(name)

const matches = (glob: string, name: string): boolean =>
  !name.startsWith('.') &&
  new RegExp(
    `^${glob
      .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(name)

/** An image has an empty machine-id, or this word in it, until its first boot (machine-id(5)): nothing that another version could be given. */
const isNone = (content: Buffer): boolean => ['', 'uninitialized'].includes(content.toString('latin1').trim())

/** The directory inside a root, null where there is none or where a link leads out of it: what lies behind a link is kept elsewhere and by somebody else. */
const directoryInside = async (files: Files, root: string, path: string): Promise<string | null> => {
  try {
    const directory = await pathInside(files, root, path)
    return (await files.stat(directory))?.kind === 'directory' ? directory : null
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'path-leads-out') return null
    throw error
  }
}

const inDirectory = (directory: string, name: string): string => (directory === '/' ? `/${name}` : `${directory}/${name}`)

/**
 * The machine's own files in a root. Links, what is no file and what says that it is not set yet are left out.
 * @param patterns absolute paths; the last part may have * and ?
 */
export const readIdentity = async (files: Files, root: string, patterns: readonly string[]): Promise<IdentityFile[]> => {
  const found = new Map<string, IdentityFile>()
  for (const pattern of patterns) {
    const directory = await directoryInside(files, root, directoryOf(pattern))
    if (directory === null) continue
    const wanted = nameOf(pattern)
    const names = isGlob(wanted) ? (await files.list(directory)).filter((name) => matches(wanted, name)) : [wanted]
    for (const name of names) {
      const place = inDirectory(directory, name)
      const stat = await files.stat(place)
      if (stat?.kind !== 'file') continue
      const content = await files.readBytes(place)
      const path = inDirectory(directoryOf(pattern), name)
      if (!isNone(content)) found.set(path, { path, content, mode: stat.mode, uid: stat.uid, gid: stat.gid })
    }
  }
  return [...found.values()]
}

/** What takes the place of a file, or of nothing. */
interface Replacement {
  readonly file: IdentityFile
  /** Where it goes, as a path of the machine that belay runs on. */
  readonly place: string
  readonly before: IdentityFile | null
}

/** Where a root has other files than these. A root without the directory has no use for the file; a link in its place is left as it is. */
const replacementsIn = async (files: Files, root: string, identity: readonly IdentityFile[]): Promise<Replacement[]> => {
  const replacements: Replacement[] = []
  for (const file of identity) {
    const directory = await directoryInside(files, root, directoryOf(file.path))
    if (directory === null) continue
    const place = inDirectory(directory, nameOf(file.path))
    const stat = await files.stat(place)
    if (stat !== null && stat.kind !== 'file') continue
    const before = stat === null ? null : { path: file.path, content: await files.readBytes(place), mode: stat.mode, uid: stat.uid, gid: stat.gid }
    if (before === null || !isSame(before, file)) replacements.push({ file, place, before })
  }
  return replacements
}

const isSame = (a: IdentityFile, b: IdentityFile): boolean => a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.content.equals(b.content)

const write = (files: Files, place: string, { content, mode, uid, gid }: IdentityFile): Promise<void> => files.writeAtomic(place, content, mode, { uid, gid })

/** Paths at which a root has another identity than this one. */
export const differencesIn = async (files: Files, root: string, identity: readonly IdentityFile[]): Promise<string[]> =>
  (await replacementsIn(files, root, identity)).map(({ file }) => file.path)

/** Give a root this identity. Each file is replaced whole; what the root has beyond it stays. @returns the paths that were written */
export const writeIdentity = async (files: Files, root: string, identity: readonly IdentityFile[]): Promise<string[]> => {
  const replacements = await replacementsIn(files, root, identity)
  for (const { place, file } of replacements) await write(files, place, file)
  return replacements.map(({ file }) => file.path)
}

const Kept = z.array(
  z.object({
    path: z.string(),
    before: z.object({ content: z.base64(), mode: z.int(), uid: z.int(), gid: z.int() }).nullable(),
  }),
)

/** The same, after what is replaced was written down in a file of its own, from which `takeBackIdentity` restores it. */
export const carryIdentity = async (files: Files, root: string, identity: readonly IdentityFile[], keepAt: string): Promise<string[]> => {
  const replacements = await replacementsIn(files, root, identity)
  if (replacements.length === 0) return []
  // What a first try wrote down is what was there before it; a second one must not take its own work for that.
  if ((await files.stat(keepAt)) === null) {
    const kept: z.infer<typeof Kept> = replacements.map(({ file, before }) => ({
      path: file.path,
      before: before === null ? null : { content: before.content.toString('base64'), mode: before.mode, uid: before.uid, gid: before.gid },
    }))
    await files.makeDirectory(directoryOf(keepAt), 0o700)
    await files.writeAtomic(keepAt, JSON.stringify(kept), 0o600)
  }
  for (const { place, file } of replacements) await write(files, place, file)
  return replacements.map(({ file }) => file.path)
}

/** @throws InvalidFileError when the file is not what `carryIdentity` wrote */
const readKept = async (files: Files, keepAt: string): Promise<z.infer<typeof Kept>> => {
  const text = await files.readText(keepAt)
  try {
    return Kept.parse(JSON.parse(text))
  } catch (error) {
    throw new InvalidFileError(`${keepAt} does not hold what was replaced`, { cause: error, data: { file: keepAt } })
  }
}

/** Put back what `carryIdentity` replaced. Right whether that was not begun, cut anywhere, or complete. */
export const takeBackIdentity = async (files: Files, root: string, keepAt: string): Promise<void> => {
  if ((await files.stat(keepAt)) === null) return
  for (const { path, before } of await readKept(files, keepAt)) {
    const directory = await directoryInside(files, root, directoryOf(path))
    if (directory === null) continue
    const place = inDirectory(directory, nameOf(path))
    if (before === null) await files.remove(place)
    else await write(files, place, { ...before, path, content: Buffer.from(before.content, 'base64') })
  }
  await files.remove(keepAt)
}
