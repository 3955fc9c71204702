import type { Files } from '../sys/ports.ts'
import { type FstabLine, bindFstab } from './fstab.ts'
import type { DataUse, Volume } from './model.ts'
import { pathInside } from './path-inside.ts'

/**
 * Write into a boot environment's fstab what it mounts: belay's state, and its data. Mount points that are missing are made.
 * @param root where the boot environment can be written
 * @param sourceOf how the driver's volumes are mounted
 * @throws RefusedError `path-leads-out`
 */
export const bindDataInFstab = async (
  files: Files,
  root: string,
  { state, uses }: { readonly state: Volume | null; readonly uses: readonly (DataUse & { readonly volume: Volume })[] },
  sourceOf: (volume: Volume) => Omit<FstabLine, 'mountpoint'>,
): Promise<void> => {
  const file = await pathInside(files, root, '/etc/fstab')
  const before = (await files.stat(file)) === null ? '' : await files.readText(file)
  const lines = [...(state === null ? [] : [{ mountpoint: '/var/lib/belay', volume: state }]), ...uses]
    .toSorted((a, b) => a.mountpoint.length - b.mountpoint.length)
    .map(({ mountpoint, volume }): FstabLine => ({ ...sourceOf(volume), mountpoint }))
  for (const line of lines) await files.makeDirectory(await pathInside(files, root, line.mountpoint), 0o755)
  await files.makeDirectory(file.slice(0, file.lastIndexOf('/')), 0o755)
  await files.writeAtomic(file, bindFstab(before, lines), 0o644)
}
