import type { Policy } from '../policy/policy.ts'
import type { Files } from '../sys/ports.ts'
import type { BootFiles } from './boot-files.ts'

const MIB = 1024 * 1024

/** Space that is held back in good times, to be released when an undo meets a full disk. */
export class SpaceReserve {
  readonly #files: Files
  readonly #boot: BootFiles
  readonly #path: string

  constructor(files: Files, boot: BootFiles, stateDirectory: string) {
    this.#files = files
    this.#boot = boot
    this.#path = `${stateDirectory}/reserve`
  }

  async make(policy: Policy): Promise<void> {
    const bytes = policy.space.reserveMiB * MIB
    if (bytes === 0) await this.#files.remove(this.#path)
    else if ((await this.#files.stat(this.#path))?.size !== bytes) await this.#files.preallocate(this.#path, bytes)
    await this.#boot.makeReserve(policy.space.grubReserveMiB * MIB)
  }

  async release(): Promise<void> {
    await this.#files.remove(this.#path)
    await this.#boot.releaseReserve()
  }

  async isMade(policy: Policy): Promise<boolean> {
    const inPool = (await this.#files.stat(this.#path))?.size ?? 0
    return inPool === policy.space.reserveMiB * MIB && (await this.#boot.reserved()) === policy.space.grubReserveMiB * MIB
  }
}
