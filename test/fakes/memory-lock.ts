import { LockedError } from '../../src/errors.ts'
import type { Actor, HeldLock, Lock } from '../../src/sys/ports.ts'

/** A lock inside this process. */
export class MemoryLock implements Lock {
  readonly #holders = new Map<string, { readonly actor: Actor; readonly operation: string }>()

  acquire(path: string, holder: { readonly actor: Actor; readonly operation: string }): Promise<HeldLock> {
    const current = this.#holders.get(path)
    if (current !== undefined) {
      const { pid, startTime, user } = current.actor
      const data = { holder: { pid, startTime, user, operation: current.operation } }
      return Promise.reject(new LockedError(`${current.operation} by ${user} (pid ${String(pid)}) holds the lock`, { data }))
    }
    this.#holders.set(path, holder)
    return Promise.resolve({
      release: () => {
        if (this.#holders.get(path) === holder) this.#holders.delete(path)
        return Promise.resolve()
      },
    })
  }

  isHeld(path: string): boolean {
    return this.#holders.has(path)
  }
}
