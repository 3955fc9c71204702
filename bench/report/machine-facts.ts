import { readFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { runTool } from '../../demo/run-tool.ts'

const GIBIBYTE = 1024 ** 3

/** What a reader has to know of the machine; nothing that names it. */
export const readMachineFacts = async (now: Date): Promise<readonly string[]> => {
  const kernel = /^\d+(?:\.\d+)*/.exec(release())?.[0] ?? 'unknown'
  const debian = (await readFile('/etc/debian_version', 'utf8')).trim()
  const { stdout } = await runTool('/usr/bin/dpkg-query', ['--show', '--showformat=${Package} ${Version}\n', 'btrfs-progs', 'snapper', 'timeshift'])
  return [
    now.toISOString().slice(0, 10),
    `${String(cpus().length)} cores, ${String(Math.round(totalmem() / GIBIBYTE))} GiB of memory`,
    `Linux ${kernel}, Debian ${debian}, btrfs and ext4 on loop devices`,
    `Node ${process.version.slice(1)}`,
    ...stdout.trim().split('\n'),
  ]
}
