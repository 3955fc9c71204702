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
    fetch(new URL(path, archive))
      .then(async (answer) => {
        const body = Buffer.from(await answer.arrayBuffer())
        // The true length: apt drops a file of another one at once.
        response.writeHead(answer.status, { 'content-length': body.length })
        if (!path.endsWith('.deb')) response.end(body)
        else
          response.write(body.subarray(0, 8), () => {
            resolve(undefined)
          })
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
