import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { readMounts } from '../../demo/appliance/mount-table.ts'
import { runTool } from '../../demo/run-tool.ts'

const STORAGE_DAEMON = '/usr/bin/qemu-storage-daemon'

type BlockNode = Readonly<Record<string, string | number>>

/** A disk that a process of QEMU shows as a file. */
interface ShownDisk {
  /** Takes the file away; what was written through it is in its image by then. Nothing may have it open any more. */
  close(): Promise<void>
}

const option = (node: BlockNode): string =>
  Object.entries(node)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(',')

/** Shows the last of the block nodes at a path, where a file must be; that may be the file that the first of them is. */
async function show(nodes: readonly BlockNode[], name: string, path: string): Promise<ShownDisk> {
  const child = spawn(
    STORAGE_DAEMON,
    [
      ...nodes.flatMap((node) => ['--blockdev', option(node)]),
      '--export',
      `type=fuse,id=shown,node-name=${name},mountpoint=${path},writable=on,allow-other=off`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const errors: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const ended = once(child, 'close')
  while (!(await isShown(path))) {
    if (!isAlive(child)) throw new Error(`${STORAGE_DAEMON} shows no disk at ${path}: ${Buffer.concat(errors).toString('utf8')}`)
    await sleep(5)
  }
  return {
    async close() {
      child.kill('SIGTERM')
      await ended
      // A daemon that is told to end leaves the mount to the kernel while somebody uses it.
      if (await isShown(path)) await runTool('/usr/bin/umount', ['--lazy', '--', path])
    },
  }
}

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null

const isShown = async (path: string): Promise<boolean> => (await readMounts()).some(({ mountpoint, type }) => mountpoint === path && type.startsWith('fuse'))

/**
 * Shows a raw image in its own place, and keeps a log of all that is written to it.
 * A discard reads back as zeros; loop devices rely on it, because the kernel (6.18, loop.c) writes zeros by discarding.
 */
export async function showRecorded(rawImage: string, log: string): Promise<ShownDisk> {
  await writeFile(log, '')
  return show(
    [
      { driver: 'file', 'node-name': 'image', filename: rawImage, discard: 'unmap' },
      { driver: 'file', 'node-name': 'log', filename: log },
      { driver: 'blklogwrites', 'node-name': 'recorded', file: 'image', log: 'log', discard: 'unmap' },
    ],
    'recorded',
    rawImage,
  )
}

/** What is written goes to the layer; small clusters, because a discard of less than a cluster would not read back as zeros. */
const CLUSTER_BYTES = 4096

/** Makes a disk that begins as the raw image and keeps what is written to it to a file of its own, and shows it at a path. */
export async function showLayer(rawImage: string, layer: string, path: string): Promise<ShownDisk> {
  await runTool('/usr/bin/qemu-img', ['create', '-q', '-f', 'qcow2', '-o', `cluster_size=${String(CLUSTER_BYTES)}`, '-F', 'raw', '-b', rawImage, layer])
  if (!(await exists(path))) await writeFile(path, '')
  return show(
    [
      { driver: 'file', 'node-name': 'image', filename: layer, discard: 'unmap' },
      { driver: 'qcow2', 'node-name': 'layer', file: 'image', discard: 'unmap' },
    ],
    'layer',
    path,
  )
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
