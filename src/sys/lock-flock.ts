import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { BugError, LockedError, NotFoundError } from '../errors.ts'
import type { Clock, Lock } from './ports.ts'
import { isProcessAlive } from './process-alive.ts'

const FLOCK = '/usr/bin/flock'
const CONFLICT = 75

const PATIENCE_MS = 60_000
/** One that has just begun or just ends has no name; on a slow machine neither takes a moment. */
const PATIENCE_WITH_NAMELESS_MS = 5_000
const RETRY_MS = 50

const Holder = z.looseObject({
  pid: z.int(),
  startTime: z.string(),
  user: z.string(),
  operation: z.string(),
  since: z.string(),
  brief: z.boolean().default(false),
})
type Holder = z.infer<typeof Holder>

/**
 * flock(2) belongs to the open file description, not to a process: flock(1) locks the description that it inherits as fd 3 and ends; the lock
 * stays with our own descriptor until that is closed, at the latest by the kernel when this process dies. Node opens with O_CLOEXEC, so no
 * other child keeps it. The file holds who has the lock, for messages alone, and is never removed or renamed (that would split the lock in two).
 */
export function createFlockLock(clock: Clock): Lock {
  return {
    async acquire(path, { actor, operation, brief }) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
      try {
        await lockPatiently(file)
      } catch (error) {
        await file.close()
        throw error
      }
      const holder: Holder = { pid: actor.pid, startTime: actor.startTime, user: actor.user, operation, since: clock.now().toISOString(), brief }
      // The text is a courtesy: a full disk must not keep the operation that would free it from starting.
      await replaceText(file, `${JSON.stringify(holder)}\n`).catch(() => undefined)
      let held = true
      return {
        async release() {
          if (!held) return
          held = false
          await replaceText(file, '').catch(() => undefined)
          await file.close()
        },
      }
    },
  }
}

/** @throws LockedError */
async function lockPatiently(file: FileHandle): Promise<void> {
  const began = performance.now()
  while (!(await lockDescription(file))) {
    const holder = await readHolder(file)
    const patience = holder === null ? PATIENCE_WITH_NAMELESS_MS : holder.brief ? PATIENCE_MS : 0
    if (performance.now() - began > patience) throw lockedBy(holder)
    await sleep(RETRY_MS)
  }
}

/** False when another description holds the lock. */
async function lockDescription(file: FileHandle): Promise<boolean> {
  const child = spawn(FLOCK, ['--exclusive', '--nonblock', '--conflict-exit-code', String(CONFLICT), '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
    env: { LC_ALL: 'C.UTF-8' },
  })
  const [status] = (await once(child, 'exit').catch((cause: unknown) => {
    throw new NotFoundError(`${FLOCK} is not installed`, { next: ['apt-get install util-linux'], data: { tool: FLOCK }, cause })
  })) as [number | null]
  if (status !== 0 && status !== CONFLICT) throw new BugError(`${FLOCK} ended with status ${String(status)}`)
  return status === 0
}

async function replaceText(file: FileHandle, text: string): Promise<void> {
  await file.truncate(0)
  await file.write(text, 0)
}

/** The holder that the file names, once it is one that lives: a new holder writes its name a moment after it has the lock. */
async function readHolder(file: FileHandle): Promise<Holder | null> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0)
    const holder = Holder.safeParse(parseJson(buffer.toString('utf8', 0, bytesRead)))
    if (holder.success && (await isProcessAlive(holder.data))) return holder.data
    await sleep(5)
  }
  return null
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The refusal that names who holds the lock; null for a holder that did not say. */
function lockedBy(holder: Holder | null): LockedError {
  if (holder === null) return new LockedError('another operation holds the lock', { next: ['Wait for it to end, then try again.'], data: { holder: null } })
  const { pid, user, operation, since } = holder
  return new LockedError(`${operation} by ${user} (pid ${String(pid)}) has held the lock since ${since}`, {
    next: ['Wait for it to end, then try again.', `ps -fp ${String(pid)}   # what it is doing`],
    data: { holder },
  })
}
