import { createWriteStream, type WriteStream } from 'node:fs'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { TerminalScreen } from './terminal-screen.ts'

/** What is kept of the text, in characters; all of it goes to the log. */
const KEPT = 4 * 1024 * 1024
const TAIL_LINES = 25
const TAIL_COLUMNS = 240

export interface WaitOptions {
  /** Named in the error. */
  readonly what: string
  readonly timeoutMs: number
}

export interface WaitForOptions extends WaitOptions {
  /** A reset of the machine ends the waiting with an error. */
  readonly withinBoot?: boolean
  /** The reason why waiting is in vain, or null. */
  readonly giveUp?: () => string | null
}

/** A serial line of the machine: what came over it as text and as a terminal would show it now, and waiting for more. Outlives the QEMU processes of a machine. */
export class SerialLine {
  readonly screen = new TerminalScreen()
  readonly #name: string
  readonly #log: WriteStream | null
  #decoder = new StringDecoder('utf8')
  #text = ''
  /** Where waitFor goes on: behind what it found last. */
  #from = 0
  #socket: Socket | null = null
  /** Where this boot begins in the text. */
  #bootFrom = 0
  #boots = 0
  readonly #watchers = new Set<() => void>()
  readonly #onText: () => void
  #ended: Error | null = null

  constructor(name: string, log: string | null, onText: () => void = () => undefined) {
    this.#name = name
    this.#onText = onText
    this.#log = log === null ? null : createWriteStream(log, { flags: 'a' })
  }

  /** Takes the line of a QEMU process that was started just now. */
  attach(socket: Socket): void {
    this.#socket = socket
    this.#ended = null
    this.#decoder = new StringDecoder('utf8')
    this.beginBoot()
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#log?.write(chunk)
      this.#text += this.screen.write(this.#decoder.write(chunk))
      if (this.#text.length > 2 * KEPT) {
        const dropped = this.#text.length - KEPT
        this.#text = this.#text.slice(dropped)
        this.#from = Math.max(0, this.#from - dropped)
        this.#bootFrom = Math.max(0, this.#bootFrom - dropped)
      }
      this.look()
      this.#onText()
    })
  }

  /** Ends all waiting with an error: the machine was switched off. */
  end(reason: Error): void {
    this.#ended = reason
    this.#socket = null
    this.look()
  }

  /** The machine starts anew: what came before is not waited for any more. */
  beginBoot(): void {
    this.screen.clear()
    this.#from = this.#text.length
    this.#bootFrom = this.#text.length
    this.#boots += 1
    this.look()
  }

  /** How often the machine was switched on or reset. */
  get boots(): number {
    return this.#boots
  }

  send(text: string): void {
    if (this.#socket === null) throw new Error(`${this.#name}: nobody is there to send to, the machine is off`)
    this.#socket.write(text)
  }

  /**
   * Waits until `probe` has an answer; it is asked now and whenever something comes.
   * @throws an error with the last lines when there is none in time, or when the machine was switched off
   */
  waitUntil<Answer>(probe: () => Answer | null, { what, timeoutMs }: WaitOptions): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        finish()
      }
      const give = (error: Error) => {
        end(() => {
          reject(error)
        })
      }
      const look = () => {
        try {
          const answer = probe()
          if (answer !== null) {
            end(() => {
              resolve(answer)
            })
          } else if (this.#ended !== null) give(new Error(`waiting for ${what}: ${this.#ended.message}\n${this.tail()}`, { cause: this.#ended }))
        } catch (error) {
          give(error instanceof Error ? error : new Error(String(error)))
        }
      }
      const timer = setTimeout(() => {
        give(new Error(`no ${what} within ${String(Math.round(timeoutMs / 1000))} s\n${this.tail()}`))
      }, timeoutMs)
      this.#watchers.add(look)
      look()
    })
  }

  /** Waits for text behind what was waited for before. */
  waitFor(pattern: RegExp, options: WaitForOptions): Promise<RegExpExecArray> {
    const boot = this.#boots
    return this.waitUntil(() => {
      const found = pattern.exec(this.#text.slice(this.#from))
      if (found !== null) this.#from += found.index + found[0].length
      const reason = found === null ? (options.giveUp?.() ?? null) : null
      if (reason !== null) throw new Error(`waiting for ${options.what}: the machine says "${reason}"`)
      if (found === null && options.withinBoot === true && this.#boots !== boot) throw new Error(`waiting for ${options.what}: the machine was reset`)
      return found
    }, options)
  }

  /** Text of this boot that matches, wherever waiting has got to, or null. */
  find(pattern: RegExp): string | null {
    return pattern.exec(this.#text.slice(this.#bootFrom))?.[0] ?? null
  }

  /** The last lines, for an error. */
  tail(): string {
    const lines = this.#text.split('\n').filter((line) => line.trim() !== '')
    return [`Last lines of the ${this.#name}:`, ...lines.slice(-TAIL_LINES).map((line) => `  | ${line.slice(0, TAIL_COLUMNS)}`)].join('\n')
  }

  async close(): Promise<void> {
    this.end(new Error('the lab was closed'))
    if (this.#log === null || this.#log.closed) return
    this.#log.end()
    await once(this.#log, 'close')
  }

  /** Asks all that wait whether they have what they wait for. */
  look(): void {
    for (const look of [...this.#watchers]) look()
  }
}
