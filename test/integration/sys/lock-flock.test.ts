import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { readProcessActor } from '../../../src/sys/actor-process.ts'
import { systemClock } from '../../../src/sys/clock-system.ts'
import { createFlockLock } from '../../../src/sys/lock-flock.ts'
import { describeLockContract } from '../../contract/lock-contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'belay-lock-'))
const lock = createFlockLock(systemClock)
let locks = 0
const freshPath = (): string => join(directory, 'run', `lock-${String((locks += 1))}`)

afterAll(() => {
  rmSync(directory, { recursive: true })
})

describeLockContract('the flock lock', async () => ({ lock, path: freshPath(), actor: await readProcessActor() }))

describe('the flock lock between processes', () => {
  it('names the other process, and the kernel frees the lock when that is killed, its children living on', async () => {
    const path = freshPath()
    const actor = await readProcessActor()
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-lock.ts'), path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [child] = (await once(holder.stdout, 'data')) as [Buffer]
    const error: unknown = await lock.acquire(path, { actor, operation: 'rollback', brief: false }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'locked', data: { holder: { pid: holder.pid, operation: 'upgrade' } } })

    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const held = await lock.acquire(path, { actor, operation: 'rollback', brief: false })
    expect(readFileSync(path, 'utf8')).toContain('"operation":"rollback"')
    await held.release()
    process.kill(Number(child.toString()), 'SIGKILL')
  })

  it('waits for a holder without a name, which is one that lets go just now', async () => {
    const path = freshPath()
    const actor = await readProcessActor()
    const first = await lock.acquire(path, { actor, operation: 'booted', brief: false })

    truncateSync(path)
    const second = lock.acquire(path, { actor, operation: 'confirm', brief: false })
    await sleep(300)
    await first.release()
    await (await second).release()
  })

  it('still refuses when the holder could not write its name', async () => {
    const path = freshPath()
    const actor = await readProcessActor()
    const first = await lock.acquire(path, { actor, operation: 'upgrade', brief: false })

    truncateSync(path)
    await expect(lock.acquire(path, { actor, operation: 'rollback', brief: false })).rejects.toMatchObject({ code: 'locked', data: { holder: null } })
    await first.release()
  })
})
