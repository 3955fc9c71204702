import type { Log } from './ports.ts'
import { redactSecrets } from './redact-secrets.ts'

interface PinoLogOptions {
  /** A file to append to (made 0600, its directory too), or standard error. */
  readonly destination: { readonly file: string } | 'stderr'
  readonly level: 'debug' | 'info' | 'warn' | 'error'
}

/**
 * A log of one JSON object a line, written synchronously so that the last line before a crash is there.
 * pino is loaded here and not at import. A log that cannot be written (disk full) never stops the operation that it describes.
 */
export async function openPinoLog({ destination, level }: PinoLogOptions): Promise<Log> {
  const { default: pino } = await import('pino')
  const target = destination === 'stderr' ? { dest: 2 } : { dest: destination.file, mkdir: true, mode: 0o600 }
  const stream = pino.destination({ ...target, sync: true })
  stream.on('error', () => undefined)
  const logger = pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, stream)
  const write =
    (severity: PinoLogOptions['level']) =>
    (message: string, facts: Readonly<Record<string, unknown>> = {}): void => {
      if (logger.isLevelEnabled(severity)) logger[severity](redactSecrets(facts) as Record<string, unknown>, message)
    }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}
