import { readFile } from 'node:fs/promises'
import { parseProcStat } from '../../../src/sys/proc-stat.ts'
import type { JsonRun, Machine } from './machine.ts'
import { until } from './processes.ts'

/** Whether a process stands still. */
export const isStopped = async (pid: number): Promise<boolean> =>
  parseProcStat(await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => ''))?.state === 'T'

/**
 * Runs a command that stands still at a fault point until some work is done.
 * @throws Error when the command ends without having come to that point
 */
export const workingAt = async (machine: Machine, point: string, args: readonly string[], work: () => Promise<void>): Promise<JsonRun> => {
  const started = Promise.withResolvers<number>()
  const progress = { ended: false }
  const run = machine.json(args, { env: { BELAY_FAULT: `${point}:stop` }, onStart: started.resolve }).finally(() => {
    progress.ended = true
  })
  const pid = await started.promise
  await until(`belay ${args.join(' ')} is at ${point}`, async () => progress.ended || isStopped(pid))
  if (progress.ended) throw new Error(`belay ${args.join(' ')} never came to ${point}\n${(await run).stdout}`)
  try {
    await work()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  return run
}
