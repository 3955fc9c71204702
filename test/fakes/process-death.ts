/** What a fake throws where a real process would be gone: nobody may catch it and go on. */
export class ProcessDeath extends Error {
  override readonly name = 'ProcessDeath'
  constructor(where = 'between two changes') {
    super(`the process died ${where}`)
  }
}

/** How many more changes to its disks a process will live to make; shared by all fakes that it works through. */
export class Lifespan {
  #changesLeft = Number.POSITIVE_INFINITY
  #changes = 0

  /** Changes made so far. */
  get changes(): number {
    return this.#changes
  }

  isOver(): boolean {
    return this.#changesLeft <= 0
  }

  /** Let the process die before its change number `changes` + 1. From then on it changes nothing, however it ends. */
  endAfter(changes: number): void {
    this.#changesLeft = changes
  }

  /** The next process. */
  renew(): void {
    this.#changesLeft = Number.POSITIVE_INFINITY
  }

  /** Called before everything that changes a disk. */
  change(): void {
    if (this.isOver()) throw new ProcessDeath()
    this.#changesLeft -= 1
    this.#changes += 1
  }
}
