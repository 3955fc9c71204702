import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LockedError } from '../../src/errors.ts'
import type { Actor, HeldLock, Lock } from '../../src/sys/ports.ts'

/** What every implementation of Lock promises. The actor must be a process that lives. */
export function describeLockContract(name: string, prepare: () => Promise<{ readonly lock: Lock; readonly path: string; readonly actor: Actor }>): void {
  describe(`${name} keeps the contract of Lock`, () => {
    let subject: Awaited<ReturnType<typeof prepare>>
    const held: HeldLock[] = []
    const acquire = async (operation: string, { path = subject.path, brief = false } = {}): Promise<HeldLock> => {
      const lock = await subject.lock.acquire(path, { actor: subject.actor, operation, brief })
      held.push(lock)
      return lock
    }

    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(async () => {
      for (const lock of held.splice(0)) await lock.release()
    })

    it('refuses the second one at once and names the holder', async () => {
      await acquire('upgrade')
      const error: unknown = await acquire('rollback').catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(LockedError)
      const { pid, startTime, user } = subject.actor
      expect(error).toMatchObject({ exitCode: 11, data: { holder: { pid, startTime, user, operation: 'upgrade' } } })
      expect(String(error)).toContain(`upgrade by ${user} (pid ${String(pid)})`)
    })

    it('can be had again after release, and a second release does not free the next holder', async () => {
      const first = await acquire('upgrade')
      await first.release()
      await acquire('rollback')
      await first.release()
      await expect(acquire('prune')).rejects.toThrow('rollback')
    })

    it('a lock of another path is another lock', async () => {
      await acquire('upgrade')
      await expect(acquire('upgrade', { path: `${subject.path}-of-another-root` })).resolves.toBeDefined()
    })

    it('waits for a holder that is brief', async () => {
      const first = await acquire('booted', { brief: true })
      let isHeld = true
      const second = acquire('confirm').then(() => isHeld)
      await new Promise((resolve) => setTimeout(resolve, 200))
      isHeld = false
      await first.release()
      expect(await second).toBe(false)
    })

    it('lets exactly one of many at the same time have it', async () => {
      const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((operation) => acquire(operation)))
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
    })
  })
}
