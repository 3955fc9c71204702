import { octalUnescape } from '../../src/octal-escape.ts'
import type { Appliance } from './appliance.ts'

/** A line of fstab(5). */
export interface FstabEntry {
  readonly source: string
  readonly mountpoint: string
  readonly type: string
  readonly options: readonly string[]
}

export function parseFstab(text: string): FstabEntry[] {
  return text.split('\n').flatMap((line) => {
    const [source, mountpoint, type, options] = line.trim().split(/\s+/)
    if (source === undefined || source.startsWith('#') || mountpoint === undefined || type === undefined) return []
    return [{ source: octalUnescape(source), mountpoint: octalUnescape(mountpoint), type, options: (options ?? 'defaults').split(',') }]
  })
}

/**
 * The fstab that an installer writes.
 * @param root line for the root; null where the kernel's arguments alone name it
 */
export function renderFstab(root: string | null, { grubUuid, espSerial, layout }: Pick<Appliance, 'grubUuid' | 'espSerial' | 'layout'>): string {
  const lines = [
    ...(root === null ? [] : [root]),
    `UUID=${grubUuid} ${layout === 'boot-partition' ? '/boot' : '/boot/grub'} ext4 defaults 0 2`,
    ...(espSerial === null ? [] : [`UUID=${espSerial.slice(0, 4)}-${espSerial.slice(4)} /boot/efi vfat umask=0077 0 1`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** A mount that a booting machine makes after its root. */
export interface PlannedMount {
  /** Path of the block device, or for `bind` of a directory of the machine. */
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly options: readonly string[]
}

const NOT_ON_DISK = new Set(['swap', 'proc', 'sysfs', 'devpts', 'tmpfs', 'none'])
const isForMountManager = (option: string): boolean => option === 'nofail' || option === 'defaults' || option.startsWith('x-') || option.startsWith('comment=')

/**
 * What systemd would mount for an fstab, outer mount points first.
 * @param devices device by filesystem UUID
 * @returns also the lines, not marked nofail, whose device is not there: with them a boot would end in the emergency shell
 */
export function planMounts(
  fstab: readonly FstabEntry[],
  devices: ReadonlyMap<string, string>,
): { readonly mounts: readonly PlannedMount[]; readonly missing: readonly FstabEntry[] } {
  const mounts: PlannedMount[] = []
  const missing: FstabEntry[] = []
  for (const entry of fstab) {
    const { source, mountpoint, type, options } = entry
    if (mountpoint === '/' || !mountpoint.startsWith('/') || options.includes('noauto')) continue
    if (options.includes('bind')) {
      mounts.push({ device: source, mountpoint, type: 'none', options: options.filter((option) => !isForMountManager(option)) })
      continue
    }
    if (NOT_ON_DISK.has(type)) continue
    const uuid = /^(?:UUID=|\/dev\/disk\/by-uuid\/)"?([0-9a-f-]+)"?$/i.exec(source)?.[1]?.toLowerCase()
    const device = devices.get(uuid ?? '')
    if (device !== undefined) mounts.push({ device, mountpoint, type, options: options.filter((option) => !isForMountManager(option)) })
    else if (!options.includes('nofail')) missing.push(entry)
  }
  return { mounts: mounts.sort((left, right) => depth(left) - depth(right)), missing }
}

/** A bind mount comes after all that its source may lie on. */
const depth = ({ device, mountpoint, options }: PlannedMount): number =>
  Math.max(mountpoint.split('/').length, options.includes('bind') ? device.split('/').length + 1 : 0)
