import type { Settler } from '../../src/sys/ports.ts'

/** Counts which filesystems were settled, in order. */
export class MemorySettler implements Settler {
  readonly settled: string[] = []

  settle(mountpoint: string): Promise<void> {
    this.settled.push(mountpoint)
    return Promise.resolve()
  }
}
