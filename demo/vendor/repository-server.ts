import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { BugError } from '../../src/errors.ts'

export interface RepositoryServer {
  /** `http://127.0.0.1:PORT/`; the main repository is flat at `./`, the one of base packages at `./base/`. */
  readonly url: string
  /** Paths that were asked for, oldest first. */
  readonly requests: readonly string[]
  /** Stops at once, transfers included: apt sees an archive out of reach. Fine when called again. */
  close(): Promise<void>
}

/** What a request path means: text that is made up here, or a file. Null for a path that does not exist. */
export type Resolve = (path: string) => { readonly text: string } | { readonly file: string } | null

/** A package in the pool by its request path, or null: names are matched, so that no request leaves the directory. */
export function poolFile(directory: string, path: string): string | null {
  const name = /^pool\/([A-Za-z0-9][A-Za-z0-9.+~_%:-]*\.deb)$/.exec(path)?.[1]
  return name === undefined ? null : join(directory, 'pool', name)
}

/** Serves a repository over HTTP on this machine alone. @param port 0 for any free one */
export async function serveRepository(resolve: Resolve, port: number): Promise<RepositoryServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname).slice(1)
    requests.push(path)
    const found = resolve(path)
    if (found === null) {
      response.writeHead(404).end()
    } else if ('text' in found) {
      response.writeHead(200, { 'content-length': Buffer.byteLength(found.text) }).end(found.text)
    } else {
      sendFile(found.file, response).catch(() => {
        response.destroy()
      })
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new BugError('the repository server has no port')
  return {
    url: `http://127.0.0.1:${String(address.port)}/`,
    requests,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function sendFile(path: string, response: ServerResponse): Promise<void> {
  const { size } = await stat(path)
  response.writeHead(200, { 'content-length': size })
  await pipeline(createReadStream(path), response)
}
