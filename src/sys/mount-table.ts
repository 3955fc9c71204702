import { octalUnescape } from '../octal-escape.ts'

/** A line of /proc/self/mountinfo. */
export interface Mount {
  readonly mountpoint: string
  /** Path inside the filesystem that is mounted there, `/@rootfs` for a btrfs subvolume. */
  readonly root: string
  readonly type: string
  readonly source: string
  /** Of its device, as major:minor. */
  readonly device: string
  /** The mount itself, or all of its filesystem, as the kernel makes it after an error. */
  readonly readOnly: boolean
}

/** Parse /proc/self/mountinfo, later mounts last. */
export const parseMountInfo = (text: string): Mount[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [before, after] = line.split(' - ')
      const [, , device, root, mountpoint, options = ''] = before?.split(' ') ?? []
      const [type, source, ofFilesystem = ''] = after?.split(' ') ?? []
      if (device === undefined || root === undefined || mountpoint === undefined || type === undefined || source === undefined) return []
      return [
        {
          mountpoint: octalUnescape(mountpoint),
          root: octalUnescape(root),
          type,
          source: octalUnescape(source),
          device,
          readOnly: [options, ofFilesystem].some((list) => list.split(',').includes('ro')),
        },
      ]
    })

/** What is mounted at a directory: the last mount there covers those before it. */
export const mountAt = (mounts: readonly Mount[], directory: string): Mount | null => mounts.findLast((mount) => mount.mountpoint === directory) ?? null

/** Whether what is mounted at a directory, or around it, can only be read: by its mount or, as after an error on disk, as a whole filesystem. */
export const readOnlyAt = (text: string, directory: string): boolean => {
  const around = text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const [, , , , mountpoint = '', options = ''] = before?.split(' ') ?? []
    const [, , filesystemOptions = ''] = after?.split(' ') ?? []
    const path = octalUnescape(mountpoint)
    const isAround = path !== '' && (path === '/' || directory === path || directory.startsWith(`${path}/`))
    return isAround ? [{ length: path.length, readOnly: [options, filesystemOptions].some((list) => list.split(',').includes('ro')) }] : []
  })
  // The deepest, and of those at one place the last, which covers the others.
  return around.reduce((best, mount) => (mount.length >= best.length ? mount : best), { length: 0, readOnly: false }).readOnly
}
