import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attachLoop } from '../../../demo/appliance/loop-device.ts'
import { type RootArchive, unpackRoot } from '../../../demo/appliance/root-archive.ts'
import { runTool } from '../../../demo/run-tool.ts'

const SIZE = 3 * 1024 * 1024 * 1024

/** Makes a file of zeros that takes no space. */
export async function makeSparseFile(path: string, bytes: number): Promise<void> {
  await writeFile(path, '')
  await truncate(path, bytes)
}

/** Mounts an ext4. */
export async function mountExt4(device: string, mountpoint: string): Promise<void> {
  await runTool('/usr/bin/mount', ['-t', 'ext4', '--', device, mountpoint])
}

/**
 * Unpacks a root on a filesystem of its own, so that a program in it sees none of this machine's disks.
 * @param directory for image and mountpoint; releaseImages gives back what the kernel holds for them
 * @returns where it is mounted
 */
export async function mountUnpackedRoot(archive: RootArchive, directory: string): Promise<string> {
  const [image, root] = [join(directory, 'unpacked.raw'), join(directory, 'root')]
  await mkdir(root, { recursive: true })
  await makeSparseFile(image, SIZE)
  await runTool('/usr/sbin/mkfs.ext4', ['-q', '-F', image])
  await mountExt4(await attachLoop(image, { offset: 0, size: SIZE }), root)
  await unpackRoot(archive, root)
  return root
}
