import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Not /tmp, which is memory on Debian 13. */
const PLACE = '/var/tmp/belay-vm'
const OWNER = 'owner.json'

const Owner = z.object({ pid: z.int(), started: z.string() })

/** When a process began, in clock ticks since boot (proc_pid_stat(5), field 22), or null when there is none. A pid alone may be another process by now. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => null)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

const ours = new Set<string>()
process.once('exit', () => {
  for (const directory of ours) rmSync(directory, { recursive: true, force: true })
})

/** A directory for the disk, sockets and logs of one machine. Ends with this process, or when the next one is made after this process was killed. */
export async function makeLabDirectory(): Promise<string> {
  await mkdir(PLACE, { recursive: true, mode: 0o700 })
  await removeLeftovers()
  const directory = await mkdtemp(join(PLACE, 'run-'))
  ours.add(directory)
  await writeFile(join(directory, OWNER), JSON.stringify({ pid: process.pid, started: await startOf(process.pid) }))
  return directory
}

export async function removeLabDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  ours.delete(directory)
}

/** QEMU ends with the process that started it (see qemu-process.ts), so only files are left. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(PLACE)) {
    const directory = join(PLACE, name)
    const owner = await readOwner(directory)
    if (owner !== null && (await startOf(owner.pid)) !== owner.started) await rm(directory, { recursive: true, force: true })
  }
}

/** Null for a directory that is being made. */
async function readOwner(directory: string): Promise<z.infer<typeof Owner> | null> {
  const text = await readFile(join(directory, OWNER), 'utf8').catch(() => '')
  return text === '' ? null : Owner.parse(JSON.parse(text))
}
