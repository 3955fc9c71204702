import { BugError } from '../../errors.ts'

/** A filesystem as `zfs list` prints it. */
export interface ZfsFilesystem {
  readonly name: string
  readonly guid: string
  /** The snapshot that it is a clone of. */
  readonly origin: string | null
  /** A path, `legacy` or `none`. */
  readonly mountpoint: string
}

/** A snapshot as `zfs list` prints it. */
export interface ZfsSnapshot {
  /** With the dataset that has it now: a promoted clone takes it over. */
  readonly name: string
  readonly guid: string
  /** Transaction group of its making; what was taken together has the same. */
  readonly createtxg: number
  /** Destroyed, and there only as long as a clone needs it. */
  readonly isLeaving: boolean
}

export interface LocalProperty {
  /** Of the dataset or snapshot. */
  readonly name: string
  readonly property: string
  readonly value: string
}

/** A user hold. */
export interface SnapshotHold {
  readonly snapshot: string
  readonly tag: string
}

export interface ImportedPool {
  readonly guid: string
  readonly name: string
}

export interface PoolFeature {
  readonly name: string
  readonly state: string
}

/** Dataset names and our property values hold neither tab nor line break, and a mount point is the last column. */
const rows = (text: string, columns: number): string[][] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split('\t')
      if (fields.length < columns) throw new BugError('zfs printed a line of another form', { data: { line } })
      return [...fields.slice(0, columns - 1), fields.slice(columns - 1).join('\t')]
    })

/**
 * A snapshot that is received again has the GUID of its original; the transaction group in which it came to this pool is its own, and neither is changed by
 * a rename or a promotion.
 */
const identity = (guid: string, createtxg: string): string => `${guid}-${createtxg}`

/** Of `zfs list -H -p -o name,guid,createtxg,origin,mountpoint`. */
export const parseFilesystems = (text: string): ZfsFilesystem[] =>
  rows(text, 5).map(([name = '', guid = '', createtxg = '', origin = '', mountpoint = '']) => ({
    name,
    guid: identity(guid, createtxg),
    origin: origin === '-' ? null : origin,
    mountpoint,
  }))

/** Of `zfs list -H -p -o name,guid,createtxg,defer_destroy`. */
export const parseSnapshots = (text: string): ZfsSnapshot[] =>
  rows(text, 4).map(([name = '', guid = '', createtxg = '', leaving = '']) => ({
    name,
    guid: identity(guid, createtxg),
    createtxg: Number(createtxg),
    isLeaving: leaving === 'on' || leaving === '1',
  }))

/** Of `zfs get -H -p -o name,property,value`. */
export const parseLocalProperties = (text: string): LocalProperty[] =>
  rows(text, 3).map(([name = '', property = '', value = '']) => ({ name, property, value }))

/** Of `zfs get -H -p -o property,value`. The lines of a value that has several are no properties. */
export const parseOwnProperties = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, property, value] = /^([a-z0-9:._-]+)\t(.*)$/.exec(line) ?? []
      return property === undefined || value === undefined ? [] : [[property, value]]
    }),
  )

/** Of `zfs holds -H`, whose last column is the time at which it was made. */
export const parseHolds = (text: string): SnapshotHold[] => rows(text, 3).map(([snapshot = '', tag = '']) => ({ snapshot, tag }))

/** States in which every question about a pool's datasets fails or waits (zpoolconcepts(7); SUSPENDED is what `zpool list` says of one that lost its disks). */
const SILENT: ReadonlySet<string> = new Set(['FAULTED', 'REMOVED', 'SUSPENDED', 'UNAVAIL'])

/** Of `zpool list -H -p -o guid,name,health`: pools that can be asked. */
export const parsePools = (text: string): ImportedPool[] =>
  rows(text, 3).flatMap(([guid = '', name = '', health = '']) => (SILENT.has(health) ? [] : [{ guid, name }]))

/** Of `zpool get -H -o property,value all POOL`. */
export const parseFeatures = (text: string): PoolFeature[] =>
  rows(text, 2).flatMap(([property = '', state = '']) => (property.startsWith('feature@') ? [{ name: property.slice('feature@'.length), state }] : []))
