import type { Log } from './ports.ts'

interface LazyLog extends Log {
  /** Wait until what was logged is written. */
  flush(): Promise<void>
}

/** A log that is opened with its first message worth keeping: most commands have none, and start faster for it. */
export const createLazyLog = (open: () => Promise<Log>, debug: boolean): LazyLog => {
  let opened: Promise<Log> | null = null
  let written: Promise<unknown> = Promise.resolve()
  const forward =
    (level: keyof Log) =>
    (message: string, facts?: Readonly<Record<string, unknown>>): void => {
      opened ??= open()
      written = written.then(async () => {
        ;(await opened)?.[level](message, facts)
      })
    }
  return {
    debug: debug ? forward('debug') : () => undefined,
    info: forward('info'),
    warn: forward('warn'),
    error: forward('error'),
    flush: async () => {
      await written
    },
  }
}
