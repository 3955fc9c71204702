import type { Files, Runner } from '../../../src/sys/ports.ts'
import { ProcessDeath } from '../../fakes/process-death.ts'

const CHANGING_FILES: ReadonlySet<PropertyKey> = new Set<keyof Files>([
  'writeAtomic',
  'overwriteInPlace',
  'append',
  'makeDirectory',
  'link',
  'copy',
  'rename',
  'remove',
  'symlink',
  'preallocate',
])

const changes = (tool: string, args: readonly string[]): boolean =>
  !tool.endsWith('mount') &&
  !(tool.endsWith('/btrfs') && (args[1] === 'list' || args[0] === 'filesystem')) &&
  !(tool.endsWith('/zfs') && (args[0] === 'list' || args[0] === 'get' || args[0] === 'holds')) &&
  !(tool.endsWith('/zpool') && (args[0] === 'list' || args[0] === 'get' || args[0] === 'wait'))

/** A process that is killed just before one of its changes to the disk, or when `die` is called; from then on it does nothing at all. */
export class MortalProcess {
  #changesLeft: number
  #isDead = false

  constructor(changesToLive = Number.POSITIVE_INFINITY) {
    this.#changesLeft = changesToLive
  }

  /** @returns a promise that fails with ProcessDeath */
  die(): Promise<never> {
    this.#isDead = true
    return Promise.reject(new ProcessDeath())
  }

  files(real: Files): Files {
    return new Proxy(real, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          this.#live(CHANGING_FILES.has(property))
          return Reflect.apply(value, target, args)
        }
      },
    })
  }

  runner(real: Runner): Runner {
    return {
      run: async (tool, args, options) => {
        this.#live(changes(tool, args))
        return real.run(tool, args, options)
      },
      stream: async (tool, args, options) => {
        this.#live(changes(tool, args))
        return real.stream(tool, args, options)
      },
    }
  }

  #live(isChange: boolean): void {
    if (isChange) this.#changesLeft -= 1
    this.#isDead ||= this.#changesLeft < 0
    if (this.#isDead) throw new ProcessDeath()
  }
}
