/**
 * Properties that make a difference to whoever uses a dataset, and that a clone has not from its origin but from where it lies (zfs-clone(8)). What says where a dataset is
 * mounted, how much is reserved for it, how it is shared, and what can be chosen only when it is made is left out.
 */
const CARRIED: ReadonlySet<string> = new Set([
  'aclinherit',
  'aclmode',
  'acltype',
  'atime',
  'checksum',
  'compression',
  'copies',
  'dedup',
  'devices',
  'dnodesize',
  'exec',
  'logbias',
  'primarycache',
  'quota',
  'recordsize',
  'redundant_metadata',
  'refquota',
  'relatime',
  'secondarycache',
  'setuid',
  'snapdir',
  'special_small_blocks',
  'sync',
  'xattr',
])

const isForeignUserProperty = (property: string): boolean => property.includes(':') && !property.startsWith('belay:')

/** What a clone is to have of the properties that were set on the dataset that it is cloned from; somebody's user properties too. */
export const carriedByClone = (own: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(own).filter(([property]) => CARRIED.has(property) || isForeignUserProperty(property)))
