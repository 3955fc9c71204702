import { z } from 'zod'

/**
 * belay's mark is a user property, set in the same call that makes a dataset or snapshot. Children and snapshots inherit it, and a copy in another pool may bring
 * it along: only one that was set locally, and names this pool, is ours.
 */
export const MARK_PROPERTY = 'belay:mark'

export const Mark = z.looseObject({
  format: z.int(),
  /** `origin` is a snapshot that a clone of something live needs; `kept` holds the snapshots of what is gone. */
  kind: z.enum(['generation', 'be', 'config', 'data', 'state', 'reserve', 'origin', 'kept']),
  name: z.string(),
  /** GUID of the pool. */
  pool: z.string(),
  /** False until all that the mark promises is there. */
  made: z.boolean(),
  members: z.array(
    z.looseObject({
      role: z.string(),
      mountpoint: z.string(),
      /** Name below a boot environment's root dataset; empty for the root itself. */
      at: z.string(),
    }),
  ),
})
export type Mark = z.infer<typeof Mark>

/**
 * On belay's own place in the pool of the root: GUIDs of the other pools that hold data of belay's, with commas between them. What is inherited from there means nothing.
 */
export const POOLS_PROPERTY = 'belay:pools'

/** As `-o` of zfs takes it. */
export const markProperty = (mark: Mark): Readonly<Record<string, string>> => ({ [MARK_PROPERTY]: JSON.stringify(mark) })

/** Null for what is no mark, or one of another pool. */
export const parseMark = (text: string, pool: string): Mark | null => {
  try {
    const mark = Mark.parse(JSON.parse(text))
    return mark.pool === pool ? mark : null
  } catch {
    return null
  }
}
