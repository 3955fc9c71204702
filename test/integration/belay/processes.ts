import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds; the time limit is for a test that would hang otherwise. */
export const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(`waited in vain until ${what}`)
}

/**
 * The first process whose command line holds a text; null when there is none.
 * @param root only one that runs in this root directory: other machines of this kind may run the same package's scripts
 */
export const findProcess = async (text: string, root: string | null = null): Promise<number | null> => {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (!line.replaceAll('\0', ' ').includes(text)) continue
    if (root === null || (await readlink(`/proc/${name}/root`).catch(() => '')) === root) return Number(name)
  }
  return null
}
