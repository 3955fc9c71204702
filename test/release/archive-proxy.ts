import { once } from 'node:events'
import { createServer, request as requestFrom } from 'node:http'
import type { DebianArchive } from '../../demo/debian-archive.ts'

export interface ArchiveProxy {
  /** `http://127.0.0.1:PORT/`, for apt's Acquire::http::Proxy. */
  readonly url: string
  close(): Promise<void>
}

/** An HTTP proxy on this machine alone, by which a guest without a way out reaches Debian's archives and nothing else. */
export async function serveArchives({ release, security }: DebianArchive): Promise<ArchiveProxy> {
  const hosts = new Set([release, security].map((archive) => new URL(archive).host))
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '')
    if (url === null || !hosts.has(url.host) || request.method !== 'GET') {
      response.writeHead(403).end()
      return
    }
    const onward = requestFrom(url, { headers: { ...request.headers, host: url.host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    })
    response.on('close', () => onward.destroy())
    onward.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    url: `http://127.0.0.1:${String(address.port)}/`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
