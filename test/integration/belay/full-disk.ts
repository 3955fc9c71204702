import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ToolError } from '../../../src/errors.ts'
import { runTool } from '../../../demo/run-tool.ts'

const FALLOCATE = '/usr/bin/fallocate'
const LARGEST = 1024 ** 3
/** The smallest block that ext4 has. */
const BLOCK = 1024

/** A directory of a filesystem that is filled and emptied again; nothing is written, blocks are only allocated. */
export class Filling {
  readonly #directory: string

  constructor(filesystem: string) {
    this.#directory = join(filesystem, 'filling')
  }

  /** Allocate everything except so many bytes, as they are found now. */
  async fill(leave: number): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    const left = join(this.#directory, 'left')
    if (leave > 0) await runTool(FALLOCATE, ['--length', String(leave), left])
    for (let size = LARGEST, number = 0; size >= BLOCK; number += 1) {
      if (!(await this.#allocate(size, `${String(size)}-${String(number)}`))) size /= 2
    }
    await rm(left, { force: true })
    await this.#sync()
  }

  async empty(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
    await runTool('/usr/bin/sync', ['--file-system', join(this.#directory, '..')])
  }

  async #allocate(size: number, name: string): Promise<boolean> {
    const path = join(this.#directory, name)
    try {
      await runTool(FALLOCATE, ['--length', String(size), path])
      return true
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      await rm(path, { force: true })
      return false
    }
  }

  /** What was removed can be used again once the filesystem has written it out. */
  async #sync(): Promise<void> {
    await runTool('/usr/bin/sync', ['--file-system', this.#directory])
  }
}

const HOOK = 'etc/apt/apt.conf.d/99fill'

/** Let apt fill a directory's filesystem the moment before it starts dpkg: after every check has passed. */
export const fillBeforeDpkg = async (root: string, directory: string): Promise<void> => {
  const script = join(root, 'usr/local/sbin/fill-disk')
  const lines = [
    '#!/bin/sh',
    `mkdir -p ${directory}/filling`,
    `size=${String(LARGEST)} number=0`,
    `while [ "$size" -ge ${String(BLOCK)} ]; do`,
    '	number=$((number + 1))',
    `	fallocate --length "$size" "${directory}/filling/$number" 2>/dev/null || { rm -f "${directory}/filling/$number"; size=$((size / 2)); }`,
    'done',
    'exit 0',
  ]
  await writeFile(script, `${lines.join('\n')}\n`, { mode: 0o755 })
  await writeFile(join(root, HOOK), 'DPkg::Pre-Invoke { "/usr/local/sbin/fill-disk"; };\n')
}
