import { z } from 'zod'
import { BugError } from '../../errors.ts'

/** A line of `btrfs subvolume list -u -q`. */
export interface Subvolume {
  readonly uuid: string
  /** UUID of the subvolume that it is a snapshot of, null for one that was made empty. */
  readonly parentUuid: string | null
  /** Path from the top level, without a leading slash. */
  readonly path: string
}

const Uuid = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
const LINE = /^ID \d+ gen \d+ top level \d+ parent_uuid +(\S+) +uuid (\S+) path (.+)$/

/** Parse the output of `btrfs subvolume list -u -q` (btrfs-progs 6.2 and 6.14 print the same). A path may hold blanks. */
export const parseSubvolumeList = (text: string): Subvolume[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = LINE.exec(line)
      const [, parent, uuid, path] = match ?? []
      if (parent === undefined || uuid === undefined || path === undefined)
        throw new BugError('btrfs subvolume list printed a line of another form', { data: { line } })
      return { uuid: Uuid.parse(uuid), parentUuid: parent === '-' ? null : Uuid.parse(parent), path }
    })
