import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readFromGrubPartition } from '../../../demo/appliance/grub-reads.ts'
import { LARGEST_GRUB_PARTITION, planLayout, ROOT_OFFSET } from '../../../demo/appliance/partition-table.ts'
import { runTool } from '../../../demo/run-tool.ts'
import { QEMU_IMG } from './qcow2.ts'

const DEBUGFS = '/usr/sbin/debugfs'
const LARGEST_COPY = 1024 * 1024

/** Does work on a raw copy of the disk as far as its root partition: partition table and second partition. The machine has to be off. */
async function withFrontOf<Result>(disk: string, directory: string, work: (raw: string) => Promise<Result>): Promise<Result> {
  const inside = await mkdtemp(join(directory, 'front-'))
  try {
    const raw = join(inside, 'front.raw')
    const source = `driver=raw,offset=0,size=${String(ROOT_OFFSET)},file.driver=qcow2,file.file.driver=file,file.file.filename=${disk}`
    await runTool(QEMU_IMG, ['convert', '-O', 'raw', '--image-opts', source, raw])
    return await work(raw)
  } finally {
    await rm(inside, { recursive: true })
  }
}

/**
 * A file of the second partition as GRUB would read it from the disk now, its journal not replayed.
 * @param path from the partition's root
 * @throws NotFoundError
 */
export const readAsGrub = (disk: string, directory: string, path: string): Promise<Buffer> =>
  withFrontOf(disk, directory, (raw) => readFromGrubPartition(raw, path))

/** Copies a directory of the second partition, its small files alone: no kernels. Fine when it is not there. */
export async function copyFromSecondPartition(disk: string, directory: string, path: string, target: string): Promise<void> {
  const { offset } = planLayout(ROOT_OFFSET, LARGEST_GRUB_PARTITION, 'bios').grub
  await mkdir(target, { recursive: true })
  await withFrontOf(disk, directory, (raw) => runTool(DEBUGFS, ['-R', `rdump ${path} ${target}`, `${raw}?offset=${String(offset)}`]))
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && (await stat(file)).size > LARGEST_COPY) await rm(file)
  }
}
