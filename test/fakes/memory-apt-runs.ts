import type { AptOwner } from '../../src/pkg/apt-owner.ts'
import type { AptRuns } from '../../src/pkg/apt-runs.ts'
import type { Files } from '../../src/sys/ports.ts'
import { STATUS_FILE } from './small-packages.ts'

/** Runs of an apt in memory: who runs it, and the note that belay leaves. */
export class MemoryAptRuns implements AptRuns {
  readonly #files: Files
  readonly #root: string
  program: AptOwner | null = { pid: 4711, startTime: '100', until: 'process' }
  holder: number | null = null
  note: AptOwner | null = null

  constructor(files: Files, root: string) {
    this.#files = files
    this.#root = root
  }

  /** The machine was off: nothing of /run and of its processes is left. */
  boot(): void {
    this.holder = null
    this.note = null
  }

  owner(): Promise<AptOwner | null> {
    return Promise.resolve(this.program)
  }

  lockHolder(): Promise<number | null> {
    return Promise.resolve(this.holder)
  }

  begin(owner: AptOwner): Promise<void> {
    this.note = owner
    return Promise.resolve()
  }

  end(): Promise<void> {
    this.note = null
    return Promise.resolve()
  }

  async isUntouchedSince(rootDirectory: string): Promise<boolean> {
    return (await this.#files.readText(`${rootDirectory}${STATUS_FILE}`)) === (await this.#files.readText(`${this.#root}${STATUS_FILE}`))
  }
}
