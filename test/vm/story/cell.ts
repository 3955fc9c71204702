import type { MachineOptions } from '../lab/virtual-machine.ts'

/** Machines that every change is tested on. */
const ALWAYS = ['zfs-bios-13', 'btrfs-bios-13'] as const
/** Machines of which every change is tested on one. */
const IN_TURN = ['zfs-efi-13', 'btrfs-bios-12', 'zfs-efi-12', 'btrfs-efi-13', 'zfs-bios-12', 'btrfs-efi-12'] as const

/** The machines of the matrix: filesystem, firmware and Debian release. */
export const CELLS = [...ALWAYS, ...IN_TURN]
export type Cell = (typeof CELLS)[number]

const SUITES = { 12: 'bookworm', 13: 'trixie' } as const

/** @param turn a whole number that differs from change to change */
export const cellOfTurn = (turn: number): Cell => IN_TURN[turn % IN_TURN.length] ?? IN_TURN[0]

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

/** What BELAY_CELL names, where one scenario is played on one machine. Default: btrfs-bios-13. @throws Error for a name that is none */
export const cellOfEnvironment = (): Cell => parseCell(process.env['BELAY_CELL'] ?? 'btrfs-bios-13')
