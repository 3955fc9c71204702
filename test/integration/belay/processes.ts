import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds; the time limit is for a test that would hang otherwise. */
export const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(`waited in vain until ${what}`)
}

/** The first process whose command line holds a text; null when there is none. */
export const findProcess = async (text: string): Promise<number | null> => {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (line.replaceAll('\0', ' ').includes(text)) return Number(name)
  }
  return null
}
