import { execa } from 'execa'
import { NotFoundError, ToolError } from '../../src/errors.ts'

const GRUB_FSTEST = '/usr/bin/grub-fstest'
const PARTITION = '(loop0,gpt2)'

/**
 * Reads a file of the disk's second partition with GRUB's own filesystem code, which replays no journal.
 * @param path absolute on that partition
 * @throws NotFoundError when GRUB reads the partition but not that file
 */
export async function readFromGrubPartition(image: string, path: string): Promise<Buffer> {
  const file = await fstest(image, 'cat', path)
  if (file.status === 0) return file.stdout
  // grub-fstest (2.06) ends with 1 whatever the reason.
  const partition = await fstest(image, 'ls', '/')
  if (partition.status !== 0) throw new ToolError(GRUB_FSTEST, [image, 'ls', `${PARTITION}/`], partition.status, partition.stderr)
  throw new NotFoundError(`GRUB does not read ${path} on ${image}: ${file.stderr.trim()}`, { data: { image, path } })
}

async function fstest(image: string, command: 'cat' | 'ls', path: string) {
  const { exitCode, stdout, stderr } = await execa(GRUB_FSTEST, [image, command, `${PARTITION}${path}`], {
    encoding: 'buffer',
    reject: false,
    stripFinalNewline: false,
    stdin: 'ignore',
  })
  return { status: exitCode ?? null, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr).toString() }
}
