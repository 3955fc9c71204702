import type { Policy } from '../policy/policy.ts'
import type { BootFiles } from './boot-files.ts'
import type { Driver } from './driver.ts'

const MIB = 1024 * 1024

/** Space that is held back in good times, to be released when an undo meets a full disk. */
export class SpaceReserve {
  readonly #driver: Driver
  readonly #boot: BootFiles

  constructor(driver: Driver, boot: BootFiles) {
    this.#driver = driver
    this.#boot = boot
  }

  async make(policy: Policy): Promise<void> {
    const bytes = policy.space.reserveMiB * MIB
    if ((await this.#driver.heldBack()) !== bytes) await this.#driver.holdBack(bytes)
    await this.#boot.makeReserve(policy.space.grubReserveMiB * MIB)
  }

  async release(): Promise<void> {
    await this.#driver.holdBack(0)
    await this.#boot.releaseReserve()
  }

  async isMade(policy: Policy): Promise<boolean> {
    return (await this.#driver.heldBack()) === policy.space.reserveMiB * MIB && (await this.#boot.reserved()) === policy.space.grubReserveMiB * MIB
  }
}
