import { randomFillSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from '../../demo/appliance/appliance.ts'
import { runTool } from '../../demo/run-tool.ts'

const FILES_IN_DIRECTORY = 500
const FILE_BYTES = 128 * 1024

/** Adds that many bytes to the mounted root, in files of 128 KiB that share no content. */
export const fillRoot = async (appliance: Appliance, bytes: number): Promise<void> => {
  const content = randomFillSync(Buffer.alloc(FILE_BYTES))
  for (let written = 0, file = 0; written < bytes; written += FILE_BYTES, file += 1) {
    const directory = join(appliance.root, 'opt/filled', String(Math.floor(file / FILES_IN_DIRECTORY)))
    if (file % FILES_IN_DIRECTORY === 0) await mkdir(directory, { recursive: true })
    content.writeUInt32LE(file)
    await writeFile(join(directory, String(file)), content)
  }
  await runTool('/usr/bin/sync', ['--file-system', appliance.root])
}

/** What the root holds, in bytes, without the filesystems mounted in it. */
export const rootBytes = async (appliance: Appliance): Promise<number> => {
  const { stdout } = await runTool('/usr/bin/du', ['--summarize', '--one-file-system', '--block-size=1', '--', appliance.root])
  return Number.parseInt(stdout, 10)
}
