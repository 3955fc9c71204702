import type { Clock } from '../../src/sys/ports.ts'

/** A clock that stands still until a test moves it. */
export class FixedClock implements Clock {
  #now: number

  constructor(start = '2026-11-21T03:00:00.000Z') {
    this.#now = Date.parse(start)
  }

  now(): Date {
    return new Date(this.#now)
  }

  /** Takes no time: the clock is moved instead. What else happens meanwhile goes first. */
  async pause(milliseconds: number): Promise<void> {
    this.advance(milliseconds)
    await Promise.resolve()
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds
  }
}
