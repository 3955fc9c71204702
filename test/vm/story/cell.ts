import type { MachineOptions } from '../lab/virtual-machine.ts'

/** One machine of the matrix: filesystem, firmware and Debian release, `zfs-efi-12`. */
export type Cell = `${'btrfs' | 'zfs'}-${'bios' | 'efi'}-${'12' | '13'}`

const FILESYSTEMS = ['btrfs', 'zfs'] as const
const FIRMWARES = ['bios', 'efi'] as const
const RELEASES = ['13', '12'] as const
const SUITES = { 12: 'bookworm', 13: 'trixie' } as const

/** All of them, those that every change is tested on first. */
export const CELLS: readonly Cell[] = RELEASES.flatMap((release) =>
  FIRMWARES.flatMap((firmware) => FILESYSTEMS.map((filesystem): Cell => `${filesystem}-${firmware}-${release}`)),
)

/** @throws Error for a name that is none */
export const parseCell = (name: string): Cell => {
  const cell = CELLS.find((candidate) => candidate === name)
  if (cell === undefined) throw new Error(`${name} is no machine of the matrix: ${CELLS.join(' ')}`)
  return cell
}

export const machineOf = (cell: Cell): MachineOptions & { readonly suite: 'bookworm' | 'trixie'; readonly filesystem: 'btrfs' | 'zfs' } => {
  const [filesystem, firmware, release] = cell.split('-') as ['btrfs' | 'zfs', 'bios' | 'efi', '12' | '13']
  return { filesystem, firmware, suite: SUITES[release] }
}
