import type { RootFilesystem } from '../boot/kernel-arguments.ts'
import type { BootEnvironment, DataUse, Generation, Hold, Member, Volume } from './model.ts'
import type { BeName, DataName, GenerationName } from './names.ts'

/** A member of a set that is to be taken or cloned: what it will be, and the volume that it comes from. */
export interface Source {
  readonly role: 'root' | 'config' | 'data'
  readonly mountpoint: string
  readonly volume: Volume
}

/** An object that the driver found under its own names. */
export interface OwnObject {
  readonly kind: 'generation' | 'be' | 'data'
  readonly name: GenerationName | BeName | DataName
  /** True when it carries belay's mark for this pool. */
  readonly marked: boolean
  /** Whether all volumes that its mark promises are there. */
  readonly complete: boolean
}

export interface PoolSpace {
  /** Bytes. */
  readonly free: number
  readonly total: number
}

/** Names as in zpool-features(7), of the root's pool and of those with adopted data: a version is to read its data too. */
export interface PoolFeatures {
  /** In use: a ZFS that does not know one of them cannot import the pool for writing. */
  readonly active: readonly string[]
  /** May be used, and with that become active, at any time; nothing switches them off again. */
  readonly enabled: readonly string[]
  /** Known to the running ZFS, and off. */
  readonly disabled: readonly string[]
}

/** A volume inside another. */
export interface NestedVolume {
  /** Where it lies in the outer one, or is mounted in it. */
  readonly path: string
  readonly volume: Volume
  /** It is mounted by itself, wherever the outer one comes from; else it is seen because that is, and a clone of that has an empty directory. */
  readonly mountsItself: boolean
}

/** What comes of adopting a volume as data where it is. */
export interface DataAdoption {
  /** Whether it mounts itself now, on every system that has the pool, and will not any more. */
  readonly mountsItself: boolean
  /** What lies below it in the pool and mounts itself, by mount point: a copy of the volume has none of it, and the order of mounting would be undefined. */
  readonly inner: readonly { readonly path: string; readonly volume: Volume }[]
}

/**
 * The one port to snapshots. A driver owns naming, marking and identity; it never touches what does not carry its mark.
 * All operations that make something are all-or-nothing within one call, durable on return, and refuse an occupied name (RefusedError `name-occupied`).
 * All operations that destroy are idempotent: gone already is fine, unmarked is RefusedError `not-ours`, in use is RefusedError `in-use`.
 */
export interface Driver {
  readonly kind: 'btrfs' | 'zfs'
  readonly pool: string
  /** Whether several members can be taken at the same instant. */
  readonly atomicSets: boolean

  /** What carries our names, marked or not; the basis for recovery, doctor, and for choosing numbers that nobody has taken. */
  survey(): Promise<readonly OwnObject[]>
  /**
   * Whether a root can be adopted: whether clones of it, with config members at these paths, could be booted.
   * @throws RefusedError `layout/…` with the way out
   */
  checkAdoption(root: Volume, config: readonly string[]): Promise<void>
  /** The volume that is mounted at a directory of the target, null when that directory is not a mount of this pool's (on ZFS: of any imported pool's). */
  volumeAt(directory: string): Promise<Volume | null>
  space(): Promise<PoolSpace>
  /** Bytes that come free at least when volumes go; null where the filesystem does not say (btrfs without quotas). */
  bytesHeldBy(volumes: readonly Volume[]): Promise<number | null>
  /** What anybody has written into the pool until now is on its disks: packages unpack with renames and fsync not all that they write. */
  flush(): Promise<void>
  /** Wait until the room of what was destroyed is free, but not for ever. @returns whether it is: until then `space` says too little */
  awaitFreed(): Promise<boolean>
  /** What the pool demands of a ZFS that imports it, and what the running one would add to that on `zpool upgrade`. None on btrfs. */
  poolFeatures(): Promise<PoolFeatures>
  /** Hold bytes of the pool back, in good times for undo; 0 gives them back. Needs the state volume. @throws NoSpaceError */
  holdBack(bytes: number): Promise<void>
  /** Bytes that are held back. */
  heldBack(): Promise<number>

  /** Read-only snapshots of all sources, together. One `zfs snapshot` call per pool; on btrfs one after the other. */
  takeGeneration(name: GenerationName, sources: readonly Source[]): Promise<readonly Member[]>
  /** With whatever hold of belay's is on it. */
  destroyGeneration(name: GenerationName): Promise<void>
  /**
   * Let nobody but belay destroy a generation, in place of the hold that belay had on it; null lets it go. On ZFS a user hold of each snapshot, whose tag says whose
   * it is and until when; btrfs has nothing of the kind. Idempotent.
   */
  holdGeneration(name: GenerationName, hold: Hold | null): Promise<void>

  /** A writable root with its config in place: clones of generation members or of live volumes. */
  cloneBe(name: BeName, sources: readonly Source[]): Promise<readonly Member[]>
  /** @throws RefusedError `in-use` when its root is mounted, or when something that is not belay's and not empty lies in it. */
  destroyBe(name: BeName): Promise<void>

  /** Whether an object could be destroyed now; touches nothing. @throws what destroying it would throw. */
  checkDestroy(object: Pick<OwnObject, 'kind' | 'name'>): Promise<void>

  /** A writable copy of a data volume. */
  cloneData(name: DataName, from: Volume): Promise<Volume>
  /** Move what a boot environment has at a path into a data or log volume of its own; an empty directory stays as its mount point. */
  carveData(name: DataName, be: BeName, mountpoint: string): Promise<Volume>
  destroyData(name: DataName): Promise<void>
  /**
   * Whether a volume that is mounted, and that belay did not make, can become data where it is.
   * @throws RefusedError `layout/…` with the way out, NotFoundError
   */
  checkDataAdoption(volume: Volume): Promise<DataAdoption>
  /** Make it data: it gets belay's mark, and is neither moved nor unmounted nor copied. @throws what checkDataAdoption throws */
  adoptData(name: DataName, volume: Volume): Promise<Volume>
  /** Take back adoptData, whole or cut. */
  unadoptData(name: DataName): Promise<void>
  /** Let adopted data be mounted by the fstab of a boot environment alone, from the next boot on. Idempotent. */
  mountDataByFstab(name: DataName): Promise<void>
  /** Pools with adopted data that are not imported. None on btrfs. */
  absentPools(): Promise<readonly string[]>
  /** Turn a plain directory inside a boot environment's root into a config member with the same content. */
  carveConfig(be: BeName, mountpoint: string): Promise<Member>
  /** Take back a carveConfig that was cut: what it moved aside goes back to its place. A member that is complete stays. */
  uncarveConfig(be: BeName, mountpoint: string): Promise<void>
  /** Record in a boot environment which data it uses, so that booting it mounts that data and no other (fstab on btrfs). */
  bindData(be: BeName, uses: readonly (DataUse & { readonly volume: Volume })[]): Promise<void>

  /** Volumes of a generation or boot environment as they are now, by identity: locators may have moved. */
  membersOf(record: Generation | BootEnvironment): Promise<readonly Member[]>
  /** Volumes nested in another that are not belay's to know. */
  nestedIn(volume: Volume): Promise<readonly NestedVolume[]>
  /** Where the root of a boot environment of belay's can be written, config members in place. Valid until close. @throws NotFoundError when it is not there by its name */
  beRootDirectory(be: BeName): Promise<string>
  /** A directory where a volume's content can be read (and written, unless it is read-only), config members of a boot environment in place. Valid until close. */
  directoryOf(volume: Volume): Promise<string>
  bootRoot(root: Volume): RootFilesystem
  /** Whether a volume with this identity is there. */
  exists(volume: Volume): Promise<boolean>

  /** Where belay's state lives, null before createState. */
  stateDirectory(): Promise<string | null>
  /** Where createState will put it. */
  plannedStateDirectory(): Promise<string>
  createState(): Promise<string>
  /** The state volume, for the mount table of boot environments. */
  stateVolume(): Promise<Volume | null>

  /** Let go of what was opened to reach the pool. */
  close(): Promise<void>
}

/** The volume of a boot environment's or generation's root member. */
export const rootVolume = (record: { readonly members: readonly Member[] }): Volume | null =>
  record.members.find((member) => member.role === 'root')?.volume ?? null
