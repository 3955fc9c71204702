import type { BootEnvironment } from '../snap/model.ts'
import { type Room, bootSetToCome } from '../snap/plan/space-check.ts'
import type { UpgradeSpace } from '../snap/plan/upgrade-space.ts'
import { inTarget } from '../snap/target.ts'
import { mountAt, parseMountInfo } from '../sys/mount-table.ts'
import type { Files } from '../sys/ports.ts'
import type { Appliance } from './appliance.ts'

const MIB = 1024 * 1024

/** Journal, manifest and the packages' own configuration defaults of one upgrade. */
const RECORDS = 8 * MIB
/** Directories, the menu and what a file that is written beside another takes beyond it. */
const MARGIN = 2 * MIB

const GRUB_PACKAGE = /^grub-(?:pc|efi|common|cloud|xen)/
/** Of GRUB's directory, what grub-install writes; belay's own files are none of it. */
const OF_GRUB_INSTALL = /^(?:i386-pc|[a-z0-9_]+-efi|fonts|locale|themes)$/

/** A package, and the version that it gets. */
interface Change {
  readonly name: string
  readonly to: string | null
}

/** Bytes of all files at and below a directory, 0 where there is none. Links are not followed. */
const bytesBelow = async (files: Files, directory: string): Promise<number> => {
  if ((await files.stat(directory))?.kind !== 'directory') return 0
  let bytes = 0
  for (const name of await files.list(directory)) {
    const path = `${directory}/${name}`
    const stat = await files.stat(path)
    bytes += stat?.kind === 'directory' ? await bytesBelow(files, path) : (stat?.size ?? 0)
  }
  return bytes
}

/** What GRUB's modules take, which its packages write anew beside the old ones. */
const grubFiles = async (files: Files, directory: string): Promise<number> => {
  let bytes = 0
  if ((await files.stat(directory))?.kind !== 'directory') return bytes
  for (const name of (await files.list(directory)).filter((candidate) => OF_GRUB_INSTALL.test(candidate)))
    bytes += await bytesBelow(files, `${directory}/${name}`)
  return bytes
}

/** What the vendor directories with a GRUB on the ESP take: the largest is the one that is written. */
const efiFiles = async (files: Files, directory: string): Promise<number> => {
  let largest = 0
  if ((await files.stat(directory))?.kind !== 'directory') return largest
  for (const vendor of await files.list(directory)) {
    const path = `${directory}/${vendor}`
    if ((await files.stat(path))?.kind !== 'directory' || !(await files.list(path)).some((name) => /^grub.*\.efi$/i.test(name))) continue
    largest = Math.max(largest, await bytesBelow(files, path))
  }
  return largest
}

/** The room that there is for an upgrade, and what it needs beside the pool. */
export const readUpgradeSpace = async (appliance: Appliance, be: Pick<BootEnvironment, 'bootSet'>, changes: readonly Change[]): Promise<UpgradeSpace> => {
  const bootSet = be.bootSet === null ? 0 : be.bootSet.initrd.bytes + be.bootSet.vmlinuz.bytes
  return {
    pool: (await appliance.driver.space()).free,
    grubPartition: (await appliance.boot.space()).free,
    bootSet,
    rooms: await readUpgradeRooms(appliance, changes, bootSet),
  }
}

/** The room that an upgrade needs beside the pool: for belay's records, and for GRUB's own files where one of its packages is among those that change. */
export const readUpgradeRooms = async (
  { files, target, boot, stateDirectory }: Appliance,
  changes: readonly Change[],
  bootSet: number,
): Promise<readonly Room[]> => {
  const state: Room = {
    where: 'state',
    called: 'the filesystem with belay’s state',
    need: RECORDS,
    free: (await files.space(stateDirectory)).free,
    next: ['belay prune', `df ${stateDirectory}`],
  }
  if (!changes.some(({ name, to }) => to !== null && GRUB_PACKAGE.test(name))) return [state]
  const modules = await grubFiles(files, inTarget(target, '/boot/grub'))
  const grub: Room = {
    where: '/boot/grub',
    called: 'the GRUB partition',
    need: modules + bootSetToCome(bootSet) + MARGIN,
    free: (await boot.space()).free,
    next: ['belay prune', 'belay delete ID'],
  }
  const esp = inTarget(target, '/boot/efi')
  if (mountAt(parseMountInfo(await files.readText('/proc/self/mountinfo')), esp) === null) return [state, grub]
  const efi: Room = {
    where: '/boot/efi',
    called: 'the EFI system partition',
    need: (await efiFiles(files, `${esp}/EFI`)) + MARGIN,
    free: (await files.space(esp)).free,
    next: [`du --all ${esp} | sort --numeric-sort | tail   (says what fills it)`],
  }
  return [state, grub, efi]
}
