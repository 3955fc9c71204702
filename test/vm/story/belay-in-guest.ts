import { z } from 'zod'
import type { DoctorReport } from '../../../src/operations/doctor-report.ts'
import type { GenerationList } from '../../../src/operations/list-generations.ts'
import type { Status } from '../../../src/operations/read-status.ts'
import { readOutput } from '../../integration/belay/json-output.ts'
import type { Guest } from '../lab/guest.ts'
import { LONG_SECONDS } from './long-seconds.ts'
import { settle } from './settle.ts'

/** The installed program in a guest, through its JSON, which has to follow the published schemas. */
export class BelayInGuest {
  readonly #guest: Guest

  constructor(guest: Guest) {
    this.#guest = guest
  }

  async #json<Type>(command: string): Promise<Type> {
    const { stdout } = await this.#guest.run(`belay ${command} --json`, { timeoutSeconds: LONG_SECONDS })
    return readOutput(command.split(' ', 1)[0] ?? '', stdout) as Type
  }

  status(): Promise<Status> {
    return this.#json('status')
  }

  list(): Promise<GenerationList> {
    return this.#json('list')
  }

  /** What doctor found, notes left out. */
  async findings(): Promise<readonly string[]> {
    const { findings } = await this.#json<DoctorReport>('doctor')
    return findings.filter(({ severity }) => severity !== 'note').map(({ code, text }) => `${code}: ${text}`)
  }

  async version(): Promise<string> {
    const stdout = await this.#guest.must('belay --version')
    return z.string().parse(/^belay\/(\S+)/.exec(stdout)?.[1])
  }

  /** Runs a command that has to work, in words as an operator gives them. */
  async must(command: string): Promise<string> {
    return this.#guest.must(`belay ${command}`, { timeoutSeconds: LONG_SECONDS })
  }

  /** What a login says of the version that runs, once the boot is over. Nothing when it has nothing to say. */
  async loginMessage(): Promise<string> {
    await settle(this.#guest)
    return this.#guest.must('cat /run/motd.d/belay 2>/dev/null || :')
  }

  /** What runs of belay that have ended left in their place below /run. */
  leftovers(): Promise<string> {
    return this.#guest.must('find /run/belay -mindepth 1 -type d -regex ".*/[0-9]+-[0-9]+"')
  }

  /** Number of the newest generation that holds a version of the application. */
  async generationWith(application: string): Promise<number> {
    const { generations } = await this.list()
    const found = generations.filter(({ packages }) => packages['acme-gateway'] === application).map(({ id }) => id)
    if (found.length === 0) throw new Error(`no generation holds acme-gateway ${application}: ${JSON.stringify(generations)}`)
    return Math.max(...found)
  }
}
