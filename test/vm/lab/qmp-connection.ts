import { once } from 'node:events'
import type { Socket } from 'node:net'
import { z } from 'zod'

const Message = z.union([
  z
    .object({ event: z.string(), data: z.object({ reason: z.string().optional() }).optional() })
    .transform((message) => ({ kind: 'event' as const, ...message })),
  z.object({ error: z.object({ desc: z.string() }) }).transform((message) => ({ kind: 'error' as const, ...message })),
  z.object({ QMP: z.object({}) }).transform(() => ({ kind: 'greeting' as const })),
  z.object({ return: z.unknown() }).transform(() => ({ kind: 'return' as const })),
])

/** QEMU's control connection (QMP of QEMU 7.2, docs/interop/qmp-spec.txt). */
export class QmpConnection {
  readonly #socket: Socket
  readonly #answers: { resolve: () => void; reject: (error: Error) => void }[] = []
  readonly #onShutdown: (reason: string) => void

  private constructor(socket: Socket, onShutdown: (reason: string) => void) {
    this.#socket = socket
    this.#onShutdown = onShutdown
    let rest = ''
    socket.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#receive(line)
    })
    // A process that ends closes the connection one way or the other.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      for (const { reject } of this.#answers.splice(0)) reject(new Error('QEMU closed its control connection'))
    })
  }

  /** @param onShutdown gets the reason of the event SHUTDOWN (qapi/run-state.json, ShutdownCause) */
  static async open(socket: Socket, onShutdown: (reason: string) => void): Promise<QmpConnection> {
    const connection = new QmpConnection(socket, onShutdown)
    await connection.execute('qmp_capabilities')
    return connection
  }

  async execute(command: string): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      this.#answers.push({ resolve, reject })
    })
    if (!this.#socket.write(`${JSON.stringify({ execute: command })}\n`)) await Promise.race([once(this.#socket, 'drain'), answered])
    await answered
  }

  #receive(line: string): void {
    const message = Message.parse(JSON.parse(line))
    if (message.kind === 'event') {
      if (message.event === 'SHUTDOWN') this.#onShutdown(message.data?.reason ?? '')
    } else if (message.kind === 'error') this.#answers.shift()?.reject(new Error(message.error.desc))
    else if (message.kind === 'return') this.#answers.shift()?.resolve()
  }
}
