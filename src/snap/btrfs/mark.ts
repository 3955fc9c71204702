import { z } from 'zod'
import type { Files } from '../../sys/ports.ts'

/**
 * btrfs has no properties for users. belay's mark is a file in a plain directory of its own, written before the subvolumes beside it are made:
 * it says what they are and what each was cloned from, so that a foreign subvolume of the same name is never taken for ours.
 */
export const MARK_FILE = 'belay.json'

export const Mark = z.looseObject({
  format: z.int(),
  kind: z.enum(['generation', 'be', 'data', 'state']),
  name: z.string(),
  /** UUID of the filesystem: a mark that was copied elsewhere is none. */
  pool: z.string(),
  members: z.array(
    z.looseObject({
      role: z.string(),
      mountpoint: z.string(),
      /** Path below the mark's directory. */
      at: z.string(),
      /** UUID of the subvolume that it is a snapshot of; null when it was made empty. */
      origin: z.string().nullable(),
    }),
  ),
})
export type Mark = z.infer<typeof Mark>

/** Null when there is no mark, or one that does not belong to this pool and name; a link to a directory elsewhere is none of belay's. */
export const readMark = async (files: Files, directory: string, expected: { readonly pool: string; readonly name: string }): Promise<Mark | null> => {
  const path = `${directory}/${MARK_FILE}`
  if ((await files.stat(directory))?.kind !== 'directory') return null
  if ((await files.stat(path))?.kind !== 'file') return null
  try {
    const mark = Mark.parse(JSON.parse(await files.readText(path)))
    return mark.pool === expected.pool && mark.name === expected.name ? mark : null
  } catch {
    return null
  }
}
