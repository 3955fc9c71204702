import { appendFile, cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheKindOf, ensureRootArchive } from '../../../demo/appliance/root-archive.ts'
import { recipeHash } from '../../../demo/cache/recipe-hash.ts'
import type { Suite } from '../../../demo/debian-archive.ts'
import { zfsModulesKey } from '../../../demo/zfs/zfs-modules.ts'
import { installOnBtrfs } from '../lab/btrfs-disk.ts'
import { ensureMachineImage } from '../lab/machine-image.ts'
import { GUEST_FILES } from '../lab/prepare-root.ts'
import { CHECKOUT, GUEST_CHECKOUT } from './checkout.ts'
import { installZfs } from './install-zfs.ts'

const APPLIANCE_SOURCES = join(CHECKOUT, 'demo/appliance')

/** Raised when something outside the hashed files changes what an image holds. */
const REVISION = 2

/** Tests keep the files that their pools are in there. Debian 13 has it in memory by itself, Debian 12 has not. */
const TMP_IN_MEMORY = 'tmpfs /tmp tmpfs mode=1777,nosuid,nodev 0 0\n'

/**
 * The disk of an appliance that has OpenZFS for its kernel, and what npm installed in the checkout, and has run once; a qcow2 that is never written again.
 * Its own root is on btrfs. Found in the cache or made, in two to four minutes when OpenZFS's modules and the root archive are there.
 * @param runOnce starts a machine on a disk, waits until it is up and switches it off
 */
export async function ensureZfsImage(suite: Suite, runOnce: (disk: string) => Promise<void>): Promise<string> {
  const archive = await ensureRootArchive({ suite })
  const lock = await readFile(join(CHECKOUT, 'package-lock.json'), 'utf8')
  const settings = { revision: REVISION, archive: archive.key, modules: await zfsModulesKey(suite, ''), lock }
  return ensureMachineImage({
    kind: `${cacheKindOf('machine', archive)}-with-zfs`,
    key: await recipeHash(settings, [GUEST_FILES, APPLIANCE_SOURCES]),
    install: (directory) =>
      installOnBtrfs({ directory, archive }, async (appliance) => {
        await installZfs(appliance, suite, join(directory, 'packages'))
        await appendFile(join(appliance.root, 'etc/fstab'), TMP_IN_MEMORY)
        await mkdir(join(appliance.root, GUEST_CHECKOUT))
        await cp(join(CHECKOUT, 'node_modules'), join(appliance.root, GUEST_CHECKOUT, 'node_modules'), { recursive: true, verbatimSymlinks: true })
      }),
    runOnce,
  })
}
