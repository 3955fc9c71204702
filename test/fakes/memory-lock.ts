import { setTimeout as sleep } from 'node:timers/promises'
import { LockedError } from '../../src/errors.ts'
import type { HeldLock, Lock, LockHolder } from '../../src/sys/ports.ts'

/** A lock inside this process. */
export class MemoryLock implements Lock {
  readonly #holders = new Map<string, LockHolder>()

  async acquire(path: string, holder: LockHolder): Promise<HeldLock> {
    let current = this.#holders.get(path)
    while (current?.brief === true) {
      await sleep(1)
      current = this.#holders.get(path)
    }
    if (current !== undefined) {
      const { pid, startTime, user } = current.actor
      const data = { holder: { pid, startTime, user, operation: current.operation } }
      throw new LockedError(`${current.operation} by ${user} (pid ${String(pid)}) holds the lock`, { data })
    }
    this.#holders.set(path, holder)
    return {
      release: () => {
        if (this.#holders.get(path) === holder) this.#holders.delete(path)
        return Promise.resolve()
      },
    }
  }

  isHeld(path: string): boolean {
    return this.#holders.has(path)
  }
}
