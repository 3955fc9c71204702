import { BugError } from '../../errors.ts'

/** A line of `btrfs subvolume list -u -q`. */
export interface Subvolume {
  readonly uuid: string
  /** UUID of the subvolume that it is a snapshot of, null for one that was made empty. */
  readonly parentUuid: string | null
  /** Path from the top level, without a leading slash. */
  readonly path: string
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const LINE = new RegExp(`^ID \\d+ gen \\d+ top level \\d+ parent_uuid +(-|${UUID}) +uuid (${UUID}) path (.+)$`)

const countsOf = (values: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/**
 * Parse the output of `btrfs subvolume list -u -q` (btrfs-progs 6.2 and 6.14 print the same). A path may hold blanks, and line breaks, which are printed as they
 * are: every user may make such a subvolume. Lines that are the rest of a path are left out; what a made-up line contradicts is left out together with it.
 */
export const parseSubvolumeList = (text: string): Subvolume[] => {
  const lines = text.split('\n').filter((line) => line !== '')
  const found = lines.flatMap((line) => {
    const [, parent, uuid, path] = LINE.exec(line) ?? []
    return parent === undefined || uuid === undefined || path === undefined ? [] : [{ uuid, parentUuid: parent === '-' ? null : parent, path }]
  })
  const [first] = lines
  if (found.length === 0 && first !== undefined) throw new BugError('btrfs subvolume list printed lines of another form', { data: { line: first } })
  const uuids = countsOf(found.map(({ uuid }) => uuid))
  const paths = countsOf(found.map(({ path }) => path))
  return found.filter(({ uuid, path }) => uuids.get(uuid) === 1 && paths.get(path) === 1)
}
