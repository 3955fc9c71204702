import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface StallingArchive {
  readonly url: string
  /** Resolves when a package is asked for: its first bytes are sent, and no more. */
  readonly stalled: Promise<void>
  close(): Promise<void>
}

/** An archive that answers for its lists like another one and stalls in the middle of every package. */
export const stallAt = async (archive: string): Promise<StallingArchive> => {
  const { promise: stalled, resolve } = Promise.withResolvers<undefined>()
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    if (path.endsWith('.deb')) {
      response.writeHead(200, { 'content-length': 1_000_000 })
      response.write('!<arch>\n', () => {
        resolve(undefined)
      })
      return
    }
    fetch(new URL(path, archive))
      .then(async (answer) => {
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
      })
      .catch(() => {
        response.destroy()
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    stalled,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
