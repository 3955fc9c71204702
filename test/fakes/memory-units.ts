import { FailedError } from '../../src/errors.ts'
import type { UnitState, Units } from '../../src/sys/ports.ts'
import { Lifespan } from './process-death.ts'

interface MemoryUnit {
  /** Units without which it does not run. */
  readonly needs?: readonly string[]
  /** Started at boot. */
  readonly enabled?: boolean
  /** It does not start. */
  readonly broken?: boolean
  /** It does not stop. */
  readonly stubborn?: boolean
}

/** Units of a machine, one change after the other: a process can die in between. */
export class MemoryUnits implements Units {
  readonly running = new Set<string>()
  /** Those that failed since the machine was started. */
  readonly broke = new Set<string>()
  /** What this process belongs to. */
  ours: string | null = null
  readonly #units: ReadonlyMap<string, MemoryUnit>
  readonly #life: Lifespan

  constructor(units: Readonly<Record<string, MemoryUnit>>, life = new Lifespan()) {
    this.#units = new Map(Object.entries(units))
    this.#life = life
    this.boot()
  }

  /** Off and on again: what is enabled runs. */
  boot(): void {
    this.running.clear()
    this.broke.clear()
    for (const [name, unit] of this.#units) if (unit.enabled === true) this.running.add(name)
  }

  states(names: readonly string[]): Promise<readonly UnitState[]> {
    return Promise.resolve(
      names.map((name) => ({
        name,
        known: this.#units.has(name),
        state: this.running.has(name) ? 'running' : 'idle',
        takesAlong: this.#needing(name),
        ours: this.ours === name,
      })),
    )
  }

  async stop(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      if (this.#units.get(name)?.stubborn === true) {
        if (!signal.aborted)
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve, { once: true })
          })
        throw new FailedError('interrupted', `stopping ${name} was interrupted`, { rebootRequired: false })
      }
      for (const stopped of [...this.#needing(name), name]) this.#change(() => this.running.delete(stopped))
    }
  }

  start(names: readonly string[]): Promise<void> {
    const failed = names.filter((name) => this.#units.get(name)?.broken === true && !this.running.has(name))
    for (const name of failed) this.broke.add(name)
    for (const name of names) if (!failed.includes(name) && !this.running.has(name)) this.#change(() => this.running.add(name))
    return failed.length === 0
      ? Promise.resolve()
      : Promise.reject(new FailedError('units/start', `${failed.join(', ')} did not start again`, { rebootRequired: false, data: { units: failed } }))
  }

  letStop(name: string): Promise<void> {
    if (this.running.has(name)) this.#change(() => this.running.delete(name))
    return Promise.resolve()
  }

  failed(): Promise<readonly string[]> {
    return Promise.resolve([...this.broke].toSorted())
  }

  inactive(names: readonly string[]): Promise<readonly string[]> {
    return Promise.resolve(names.filter((name) => !this.running.has(name)))
  }

  requirementsOf(name: string): Promise<readonly string[]> {
    return Promise.resolve(this.#units.get(name)?.needs ?? [])
  }

  underWay(): Promise<readonly string[]> {
    return Promise.resolve([])
  }

  #needing(name: string): string[] {
    return [...this.#units].flatMap(([other, { needs = [] }]) => (needs.includes(name) ? [other] : []))
  }

  #change(work: () => unknown): void {
    this.#life.change()
    work()
  }
}
