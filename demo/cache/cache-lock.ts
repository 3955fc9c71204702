import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { FailedError } from '../../src/errors.ts'

const FLOCK = '/usr/bin/flock'

/**
 * Runs `work` while no other process works on the same name in the cache; waits for as long as another one does. The kernel drops the lock with
 * this process: flock(1) locks the open file description that it inherits as descriptor 3, which is this process's own.
 */
export async function withCacheLock<T>(cacheDirectory: string, name: string, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheDirectory, { recursive: true })
  const file = await open(join(cacheDirectory, `${name}.lock`), 'a')
  try {
    const flock = spawn(FLOCK, ['-x', '3'], { stdio: ['ignore', 'ignore', 'inherit', file.fd] })
    const [status] = (await once(flock, 'close')) as [number | null]
    if (status !== 0) throw new FailedError('cache-lock', `${FLOCK} could not lock ${name} in ${cacheDirectory}`, { rebootRequired: false })
    return await work()
  } finally {
    await file.close()
  }
}
