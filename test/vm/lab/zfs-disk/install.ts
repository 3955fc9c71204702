import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runInChroot } from '../../../../demo/appliance/chroot.ts'
import { writeCustomerFiles } from '../../../../demo/appliance/customer-files.ts'
import { newMachineId } from '../../../../demo/appliance/finish-installation.ts'
import { renderFstab } from '../../../../demo/appliance/fstab.ts'
import { installGrub, makeReadableByGrub } from '../../../../demo/appliance/install-grub.ts'
import { attachLoop } from '../../../../demo/appliance/loop-device.ts'
import { planLayout, writePartitionTable } from '../../../../demo/appliance/partition-table.ts'
import { releaseImages } from '../../../../demo/appliance/release.ts'
import type { RootArchive } from '../../../../demo/appliance/root-archive.ts'
import { runTool } from '../../../../demo/run-tool.ts'
import { withZfsGuest } from '../../zfs/zfs-guest.ts'
import { prepareRoot } from '../prepare-root.ts'
import { makeSparseFile, mountExt4, mountUnpackedRoot } from '../unpacked-root.ts'
import { installVendorMenu } from './vendor-menu.ts'

/** What decides, besides the root archive, what is on the disk. */
export const ZFS_DISK_SOURCES = import.meta.dirname
const FILL_POOL = join(import.meta.dirname, 'fill-pool.sh')

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const SIZES = { disk: 6 * GIB, grub: 384 * MIB } as const
const POOL = 'rpool'
const BE = 'debian'

/**
 * Installs a machine with its root on ZFS: all but the pool is done here, where it is fast; the pool is made and filled in a guest, since the kernel of this
 * machine may have no OpenZFS. Takes about three minutes.
 * @param directory a missing one; the caller gives back what the kernel holds for images in it when this fails
 * @returns path of its raw image
 */
export async function installOnZfs({ directory, archive }: { readonly directory: string; readonly archive: RootArchive }): Promise<string> {
  const { firmware } = archive
  const [rawImage, tar] = [join(directory, 'disk.raw'), join(directory, 'root.tar')]
  const root = await mountUnpackedRoot(archive, directory)

  const disk = planLayout(SIZES.disk, SIZES.grub, firmware)
  await makeSparseFile(rawImage, SIZES.disk)
  await writePartitionTable(rawImage, disk, 'zfs')
  const grubUuid = randomUUID()
  const grubDevice = await attachLoop(rawImage, disk.grub)
  await runTool('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', 'GRUB', '-U', grubUuid, grubDevice])
  await mkdir(join(root, 'boot/grub'), { recursive: true })
  await mountExt4(grubDevice, join(root, 'boot/grub'))

  const espSerial = firmware === 'efi' ? randomBytes(4).toString('hex').toUpperCase() : null
  await writeCustomerFiles(root)
  await writeFile(join(root, 'etc/fstab'), renderFstab(null, { grubUuid, espSerial, layout: 'grub-partition' }))
  await writeFile(join(root, 'etc/machine-id'), newMachineId())
  await prepareRoot({ root, firmware, run: (program, args, options) => runInChroot(root, program, args, options) }, archive.suite)
  await installGrub({ root, rawImage, firmware, espSerial, grubUuid, grubPrefix: '' }, disk)
  await installVendorMenu(root, `${POOL}/ROOT/${BE}`, firmware)
  await makeReadableByGrub(join(root, 'boot/grub'))

  const left = ['--exclude=./boot/grub/*', '--exclude=./lost+found']
  await runTool('/usr/bin/tar', ['--create', '--file', tar, '--directory', root, '--numeric-owner', '--xattrs', '--xattrs-include=*', ...left, '.'])
  await releaseImages(directory)
  await fillPool(archive, rawImage, tar)
  return rawImage
}

/** The pool has the features of the OpenZFS of its own release, so that this one can import it. */
async function fillPool({ suite }: RootArchive, rawImage: string, tar: string): Promise<void> {
  const disks = [{ file: rawImage }, { file: tar, isReadOnly: true }]
  await withZfsGuest(
    async (guest) => {
      await guest.put(FILL_POOL, '/run/fill-pool.sh')
      await guest.must(`/bin/sh /run/fill-pool.sh /dev/vdb3 /dev/vdc ${POOL} ${BE}`, { timeoutSeconds: 900 })
    },
    { suite, disks },
  )
}
