/** Keeps the last bytes of a long output, and hands on its whole lines as they come; memory stays bounded whatever the tool prints. */
export class OutputTail {
  readonly #limit: number
  readonly #onLine: ((line: string) => void) | undefined
  readonly #decoder = new TextDecoder()
  #tail = ''
  #pending = ''

  /** @param limit characters kept, and the longest line handed on in one piece */
  constructor(limit: number, onLine?: (line: string) => void) {
    this.#limit = limit
    this.#onLine = onLine
  }

  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.decode(chunk, { stream: true }))
  }

  /** Hands on a last line that has no newline. */
  end(): void {
    this.#take(this.#decoder.decode())
    if (this.#pending !== '') this.#onLine?.(this.#pending)
    this.#pending = ''
  }

  get text(): string {
    return this.#tail
  }

  #take(text: string): void {
    this.#tail = (this.#tail + text).slice(-this.#limit)
    if (this.#onLine === undefined) return
    const lines = (this.#pending + text).split('\n')
    this.#pending = lines.pop() ?? ''
    for (const line of lines) this.#onLine(line)
    if (this.#pending.length > this.#limit) {
      this.#onLine(this.#pending)
      this.#pending = ''
    }
  }
}
