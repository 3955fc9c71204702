import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { type RepositoryServer, serveRepository } from '../../../demo/vendor/repository-server.ts'

/** How a guest reaches the loopback of this machine (QEMU's user network). */
const HOST = '10.0.2.2'

/** The address of a server on this machine's loopback, for a guest. */
export const asSeenByGuest = (url: string): string => url.replace('//127.0.0.1:', `//${HOST}:`)

/** Files of this machine that guests may download. */
export class GuestFiles {
  readonly #files: Map<string, string>
  readonly #server: RepositoryServer

  private constructor(files: Map<string, string>, server: RepositoryServer) {
    this.#files = files
    this.#server = server
  }

  static async serve(): Promise<GuestFiles> {
    const files = new Map<string, string>()
    const server = await serveRepository((path) => {
      const file = files.get(path)
      return file === undefined ? null : { file }
    }, 0)
    return new GuestFiles(files, server)
  }

  /** @returns address of a file of this machine, for a guest */
  offer(file: string): string {
    const path = `${randomBytes(8).toString('hex')}/${basename(file)}`
    this.#files.set(path, file)
    return `${asSeenByGuest(this.#server.url)}${encodeURI(path)}`
  }

  close(): Promise<void> {
    return this.#server.close()
  }
}
