import type { Log } from '../../src/sys/ports.ts'

interface Entry {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** Keeps what was logged. */
export class RecordingLog implements Log {
  readonly entries: Entry[] = []

  debug(message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.entries.push({ level: 'debug', message, facts })
  }

  info(message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.entries.push({ level: 'info', message, facts })
  }

  warn(message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.entries.push({ level: 'warn', message, facts })
  }

  error(message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.entries.push({ level: 'error', message, facts })
  }
}
