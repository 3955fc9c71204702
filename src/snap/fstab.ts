import { RefusedError } from '../errors.ts'
import { octalEscape, octalUnescape } from '../octal-escape.ts'

/** A line that belay puts into a boot environment's fstab. */
export interface FstabLine {
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly options: string
}

const BEGIN = '# belay begin: the data that this version uses; belay rewrites these lines'
const END = '# belay end'

/** The mount points that a text of fstab names. */
export const mountpointsIn = (text: string): string[] => text.split('\n').flatMap((line) => mountpointOf(line) ?? [])

const mountpointOf = (line: string): string | null => {
  const fields = line.trim().split(/\s+/)
  return line.trim().startsWith('#') || fields.length < 3 || fields[1] === undefined ? null : octalUnescape(fields[1])
}

/** The root line without a subvolume: the kernel's command line chose it, and every clone has the same fstab. */
const withoutSubvolume = (line: string): string => {
  const fields = line.trim().split(/\s+/)
  const options = (fields[3] ?? 'defaults').split(',').filter((option) => !/^subvol(?:id)?=/.test(option))
  return [fields[0], fields[1], fields[2], options.join(',') || 'defaults', ...fields.slice(4)].join(' ')
}

/** Where a boot environment mounts the partition that was its /boot before belay. */
export const BOOT_PARTITION = '/boot/grub-partition'

/** Options with which the partition would not be there when GRUB's directory is bound from it, or could not be written. */
const UNUSABLE = /^(?:noauto|ro|x-systemd\.(?:automount|idle-timeout=.*))$/

/**
 * The fstab of a boot environment whose kernels were moved from a partition at /boot into root: the partition is mounted aside, and GRUB's directory in it is bound to
 * where it was. GRUB finds the same path on the same partition, and Debian's grub-install does too (2.06 and 2.12 follow bind mounts in mountinfo). The mount option
 * X-mount.subdir would do it in one line, but util-linux knows it from 2.39 on, and Debian 12 has 2.38. Null where no line mounts /boot.
 */
export const bindBootPartition = (text: string): string | null => {
  const lines = text.split('\n')
  if (lines.some((line) => mountpointOf(line) === BOOT_PARTITION)) return text
  const at = lines.findLastIndex((line) => mountpointOf(line) === '/boot')
  const fields = lines[at]?.trim().split(/\s+/)
  if (fields === undefined) return null
  const options = (fields[3] ?? 'defaults').split(',').filter((option) => !UNUSABLE.test(option))
  // A machine that comes up without the partition goes on to do so.
  const bind = options.includes('nofail') ? 'bind,nofail' : 'bind'
  const moved = [fields[0], BOOT_PARTITION, fields[2], options.join(',') || 'defaults', ...fields.slice(4)].join(' ')
  return lines
    .flatMap((line, index) => {
      if (mountpointOf(line) !== '/boot') return [line]
      if (index !== at) return []
      return [
        '# belay: this partition was /boot. Kernels are in root, so that they go back with a version; GRUB’s directory stays here and is bound to its old place.',
        moved,
        `${BOOT_PARTITION}/grub /boot/grub none ${bind} 0 0`,
      ]
    })
    .join('\n')
}

/** What mounted the partition at /boot is not what the next boot of a clone would do. */
export const noBootLine = (): RefusedError =>
  new RefusedError('layout/boot-fstab', '/boot is a filesystem of its own, but no line of /etc/fstab mounts it', {
    next: ['write the line into /etc/fstab (findmnt --fstab shows what is there), and run belay init again'],
  })

/**
 * The fstab of a boot environment: foreign lines stay as they are, the root line loses its subvolume, and lines for the given
 * mount points are replaced by belay's. A line that belay wrote for a mount point that is no longer given goes.
 */
export const bindFstab = (text: string, lines: readonly FstabLine[]): string => {
  const ours = new Set(lines.map((line) => line.mountpoint))
  const existing = text.replace(/\n$/, '').split('\n')
  const begin = existing.indexOf(BEGIN)
  const end = existing.indexOf(END, begin)
  // Without its end nobody can tell where belay's block ended: what follows may be somebody's.
  const foreign = begin === -1 ? existing : [...existing.slice(0, begin), ...existing.slice((end === -1 ? begin : end) + 1)]
  const kept = foreign.flatMap((line) => {
    const mountpoint = mountpointOf(line)
    if (mountpoint === '/') return [withoutSubvolume(line)]
    return mountpoint !== null && ours.has(mountpoint) ? [] : [line]
  })
  while (kept.at(-1) === '') kept.pop()
  return `${[...kept, BEGIN, ...lines.map((line) => `${octalEscape(line.device)} ${octalEscape(line.mountpoint)} ${line.type} ${line.options} 0 0`), END].join('\n')}\n`
}
