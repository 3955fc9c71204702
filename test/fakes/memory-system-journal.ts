import type { JournalMessage, SystemJournal } from '../../src/sys/ports.ts'

/** A machine's journal that keeps what belay writes, and knows what units wrote. */
export class MemorySystemJournal implements SystemJournal {
  readonly messages: JournalMessage[] = []
  readonly written: ReadonlyMap<string, readonly string[]>

  constructor(written: ReadonlyMap<string, readonly string[]> = new Map()) {
    this.written = written
  }

  lastLines(unit: string, count: number): Promise<readonly string[]> {
    return Promise.resolve((this.written.get(unit) ?? []).slice(-count))
  }

  write(message: JournalMessage): Promise<void> {
    this.messages.push(message)
    return Promise.resolve()
  }
}
