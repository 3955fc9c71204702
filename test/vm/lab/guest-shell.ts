import { randomBytes } from 'node:crypto'
import { appendFile } from 'node:fs/promises'
import { type Guest, GuestError, type GuestOptions, type GuestOutcome } from './guest.ts'
import type { SerialLine } from './serial-line.ts'

/** What a request may hold: more would not fit the buffers of a serial line whose reader is busy. */
const LONGEST_SCRIPT = 16 * 1024
/** The guest ends a script by itself; this is for a guest that does not answer at all. */
const GRACE_MS = 60_000
/** What timeout(1) says for a script that it ended. */
const TIMED_OUT = 124

/** A start of the guest, as its shell announced it. */
export interface GuestStart {
  /** /proc/sys/kernel/random/boot_id: another one for every boot. */
  readonly bootId: string
  /** How long the kernel had been running then. */
  readonly uptimeSeconds: number
}

/** The program guest/lab-shell at the other end of the second serial line. Its file describes what is said. */
export class GuestShell implements Guest {
  readonly #line: SerialLine
  readonly #transcript: string
  #last: Promise<unknown> = Promise.resolve()
  #isBusy = false
  /** The boot, in the line's count, that it announced itself in. */
  #readyIn = 0

  constructor(line: SerialLine, transcript: string) {
    this.#line = line
    this.#transcript = transcript
  }

  /** Whether it would answer at once: it is there, and no script runs or was cut off. */
  get isIdle(): boolean {
    return this.#readyIn === this.#line.boots && !this.#isBusy
  }

  /** @param trouble what the machine says that will not come up, or null */
  async waitUntilReady(timeoutMs: number, trouble: () => string | null): Promise<GuestStart> {
    const what = 'shell of the guest'
    const [, bootId = '', uptime = ''] = await this.#line.waitFor(/^ready (\S+) (\S+)\n/m, { what, timeoutMs, giveUp: trouble })
    this.#isBusy = false
    this.#readyIn = this.#line.boots
    return { bootId, uptimeSeconds: Number(uptime) }
  }

  run(script: string, options: GuestOptions = {}): Promise<GuestOutcome> {
    const running = this.#last.then(() => this.#run(script, options))
    this.#last = running.catch(() => undefined)
    return running
  }

  async must(script: string, options?: GuestOptions): Promise<string> {
    const outcome = await this.run(script, options)
    if (outcome.status !== 0) throw new GuestError(script, `status ${String(outcome.status)}`, outcome)
    return outcome.stdout
  }

  async #run(script: string, { timeoutSeconds = 120 }: GuestOptions): Promise<GuestOutcome> {
    if (script.length > LONGEST_SCRIPT) throw new Error(`a script of ${String(script.length)} characters is too long: put it as a file`)
    const token = randomBytes(6).toString('hex')
    const began = performance.now()
    this.#isBusy = true
    this.#line.send(`${token} ${String(timeoutSeconds)} ${Buffer.from(script).toString('base64')}\n`)
    const answer = new RegExp(`^done ${token} (\\d+) (\\S+) (\\S+)\\n`, 'm')
    const what = `answer of the guest to: ${script.slice(0, 200)}`
    const [, status, stdout, stderr] = await this.#line.waitFor(answer, { what, timeoutMs: timeoutSeconds * 1000 + GRACE_MS, withinBoot: true })
    this.#isBusy = false
    const outcome = { status: Number(status), stdout: decode(stdout), stderr: decode(stderr) }
    await this.#write(script, outcome, (performance.now() - began) / 1000)
    if (outcome.status === TIMED_OUT) throw new GuestError(script, `not finished within ${String(timeoutSeconds)} s`, outcome)
    return outcome
  }

  async #write(script: string, { status, stdout, stderr }: GuestOutcome, seconds: number): Promise<void> {
    const output = [stdout, stderr].filter((text) => text !== '').join('')
    await appendFile(this.#transcript, `# ${script}\n${output}# status ${String(status)}, ${seconds.toFixed(1)} s\n\n`)
  }
}

const decode = (text = '='): string => (text === '=' ? '' : Buffer.from(text, 'base64').toString('utf8'))
