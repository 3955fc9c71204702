import { readFile } from 'node:fs/promises'
import { parseProcStat } from './proc-stat.ts'

/** Whether that very process still runs: the same pid with another start time is a later process, a zombie has ended. */
export async function isProcessAlive(process: { readonly pid: number; readonly startTime: string }): Promise<boolean> {
  const text = await readFile(`/proc/${String(process.pid)}/stat`, 'utf8').catch(() => '')
  const stat = parseProcStat(text)
  return stat !== null && stat.startTime === process.startTime && stat.state !== 'Z' && stat.state !== 'X'
}
